//! The answers that say no, made of the problems themselves.

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

/// The problems with a status that means the same wherever it is answered.
fn problems() -> [Problem; 8] {
    [
        Problem::BadRequest("The member \"name\" is missing.".to_owned()),
        Problem::Unauthorized,
        Problem::MethodNotAllowed,
        Problem::RequestTimeout,
        Problem::PayloadTooLarge,
        Problem::TooManyRequests(5),
        Problem::UpgradeRequired,
        Problem::Unavailable,
    ]
}

/// In what the document says of a route: it may answer with the problem that has this status.
pub(crate) struct Refused<const STATUS: u16>;

impl<const STATUS: u16> IntoResponses for Refused<STATUS> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let problem = problems().into_iter().find(|problem| problem.status() == STATUS);
        let name = name(&problem.expect("one of the problems"));
        BTreeMap::from([(STATUS.to_string(), Ref::from_response_name(name).into())])
    }
}

/// Describes the problems, once for all routes.
pub(crate) struct Refusals;

impl Modify for Refusals {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let responses = problems().map(|problem| (name(&problem), response(&problem).into()));
        document.components.get_or_insert_default().responses.extend(responses);
    }
}

/// `NotFound` for 404.
fn name(problem: &Problem) -> String {
    problem.status().canonical_reason().unwrap_or_default().replace(' ', "")
}

fn response(problem: &Problem) -> Response {
    let details = problem.details();
    let description = match problem {
        Problem::BadRequest(_) => "The request makes no sense; the detail says what to do about it.",
        _ => details.detail,
    };
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .example(serde_json::to_value(&details).ok());
    let response = ResponseBuilder::new().description(description).content(PROBLEM_JSON, content.build());
    match problem.header() {
        Some((name, value)) => response.header(name.as_str(), always(value.to_str().unwrap_or_default())),
        None if *problem == Problem::MethodNotAllowed => response.header(ALLOW.as_str(), allow()),
        None => response,
    }
    .build()
}

/// A header that always has this value: a number, or one word.
pub(crate) fn always(value: &str) -> Header {
    let header = HeaderBuilder::new();
    match value.parse::<u32>() {
        Ok(number) => header.schema(Some(u32::schema())).example(Some(number.into())),
        Err(_) => {
            header.schema(Some(ObjectBuilder::new().schema_type(Type::String).enum_values(Some([value]))))
        }
    }
    .build()
}

/// The header that goes with 405.
pub(crate) fn allow() -> Header {
    described("The methods that there are.")
}

/// A header of text.
pub(crate) fn described(description: &str) -> Header {
    HeaderBuilder::new().schema(Some(String::schema())).description(Some(description)).build()
}
