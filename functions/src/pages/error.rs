//! Error pages: problems as people are told about them.

use askama::Template;
use axum::{
    http::Uri,
    response::{IntoResponse, Response},
};

use crate::http::{
    html::{self, BASE_POLICY},
    problem::Problem,
};

#[derive(Template)]
#[template(path = "error.html")]
struct Page<'a> {
    title: &'a str,
    detail: &'a str,
}

/// Returns the error page of a problem.
pub(crate) fn page(problem: impl Into<Problem>) -> Response {
    let problem = problem.into();
    let details = problem.details();
    let page = Page { title: details.title, detail: details.detail };
    match html::render(&page) {
        Ok(html) => {
            let mut response = html::response(html, BASE_POLICY);
            *response.status_mut() = problem.status();
            problem.add_headers(response)
        }
        Err(problem) => problem.into_response(),
    }
}

/// Answers requests for paths that no route has.
pub(crate) async fn not_found(uri: Uri) -> Response {
    in_the_form_for(&uri, Problem::NotFound)
}

/// Answers requests with a method that the route does not support.
pub(crate) async fn method_not_allowed(uri: Uri) -> Response {
    in_the_form_for(&uri, Problem::MethodNotAllowed)
}

/// JSON below `/api`, else a page.
fn in_the_form_for(uri: &Uri, problem: Problem) -> Response {
    let api = uri.path().strip_prefix("/api").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if api { problem.into_response() } else { page(problem) }
}
