//! Error responses in the `OpenAPI` document, derived from the problems themselves.

use std::collections::BTreeMap;

use axum::http::header::ALLOW;
use utoipa::{
    IntoResponses, Modify, PartialSchema,
    openapi::{
        ContentBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Type,
        header::{Header, HeaderBuilder},
    },
};

use super::problem::{PROBLEM_JSON, Problem};

/// Problems whose status means the same on every route.
fn problems() -> [Problem; 9] {
    [
        Problem::BadRequest("The member \"name\" is missing.".to_owned()),
        Problem::Unauthorized,
        Problem::CrossSite,
        Problem::MethodNotAllowed,
        Problem::RequestTimeout,
        Problem::PayloadTooLarge,
        Problem::TooManyRequests(5),
        Problem::UpgradeRequired,
        Problem::Unavailable,
    ]
}

/// Error response of an operation, by the status of its problem.
pub(crate) struct ErrorResponse<const STATUS: u16>;

impl<const STATUS: u16> IntoResponses for ErrorResponse<STATUS> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let problem = problems().into_iter().find(|problem| problem.status() == STATUS);
        let name = name(&problem.expect("one of the problems"));
        BTreeMap::from([(STATUS.to_string(), Ref::from_response_name(name).into())])
    }
}

/// Adds the error responses to the components of the document, once for all operations.
pub(crate) struct ErrorResponses;

impl Modify for ErrorResponses {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let responses = problems().map(|problem| (name(&problem), response(&problem).into()));
        document.components.get_or_insert_default().responses.extend(responses);
    }
}

/// Returns the name of a response component, such as `NotFound` for 404.
fn name(problem: &Problem) -> String {
    problem.status().canonical_reason().unwrap_or_default().replace(' ', "")
}

fn response(problem: &Problem) -> Response {
    let details = problem.details();
    let description = match problem {
        Problem::BadRequest(_) => "The request is malformed. `detail` says what to correct.",
        _ => details.detail,
    };
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .example(serde_json::to_value(&details).ok());
    let response = ResponseBuilder::new().description(description).content(PROBLEM_JSON, content.build());
    match problem.header() {
        Some((name, value)) => {
            response.header(name.as_str(), constant_header(value.to_str().unwrap_or_default()))
        }
        None if *problem == Problem::MethodNotAllowed => response.header(ALLOW.as_str(), allow_header()),
        None => response,
    }
    .build()
}

/// Returns a header that always has this value: a number or one word.
pub(crate) fn constant_header(value: &str) -> Header {
    let header = HeaderBuilder::new();
    match value.parse::<u32>() {
        Ok(number) => header.schema(Some(u32::schema())).example(Some(number.into())),
        Err(_) => {
            header.schema(Some(ObjectBuilder::new().schema_type(Type::String).enum_values(Some([value]))))
        }
    }
    .build()
}

/// Returns the header `Allow` of a 405.
pub(crate) fn allow_header() -> Header {
    text_header("Allowed methods.")
}

/// Returns a header whose value is text.
pub(crate) fn text_header(description: &str) -> Header {
    HeaderBuilder::new().schema(Some(String::schema())).description(Some(description)).build()
}
