//! Error pages: problems as people are told about them.

use askama::Template;
use axum::{
    http::{
        HeaderValue, Uri,
        header::{CONTENT_TYPE, REFRESH},
    },
    response::{IntoResponse, Response},
};
use heartbeat_core::Config;

use super::Frame;
use crate::http::{
    html::{self, BASE_POLICY},
    problem::{Problem, RETRY_AFTER_SECONDS},
};

#[derive(Template)]
#[template(path = "error.html")]
struct Page<'a> {
    frame: Frame<'a>,
    title: &'a str,
    detail: &'a str,
    /// Whether the server has no secret key yet: then the page has the lines that make one.
    needs_key: bool,
    /// Seconds after which the browser asks again by itself.
    reload_seconds: Option<&'static str>,
}

/// Mark of a response that is to become the page of this problem.
#[derive(Debug, Clone)]
struct Unrendered(Problem);

/// Returns the response to a problem as a page. [`render`] fills it in: it knows the configuration, which is not at hand
/// where errors arise.
pub(crate) fn page(problem: impl Into<Problem>) -> Response {
    let problem = problem.into();
    let mut response = problem.add_headers(problem.status().into_response());
    if problem == Problem::Unavailable {
        response.headers_mut().insert(REFRESH, HeaderValue::from_static(RETRY_AFTER_SECONDS));
    }
    response.extensions_mut().insert(Unrendered(problem));
    response
}

/// Renders the page of a response that [`page`] made. Others remain as they are.
pub(crate) fn render(mut response: Response, config: &Config) -> Response {
    let Some(Unrendered(problem)) = response.extensions_mut().remove() else { return response };
    let details = problem.details();
    let page = Page {
        frame: Frame::new("", details.title, String::new(), config, &config.live_url),
        title: details.title,
        detail: details.detail,
        needs_key: problem == Problem::NoSecretKey,
        reload_seconds: (problem == Problem::Unavailable).then_some(RETRY_AFTER_SECONDS),
    };
    match html::render(&page) {
        Ok(html) => {
            let (headers, body) = html::response(html, BASE_POLICY).into_parts();
            response.headers_mut().extend(headers.headers);
            *response.body_mut() = body;
            response
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

/// Answers requests for what only an owner can use, where the configuration has no secret key.
pub(crate) async fn no_secret_key(uri: Uri) -> Response {
    in_the_form_for(&uri, Problem::NoSecretKey)
}

/// Returns the response to a problem in place of another response: a page if that is one, else JSON.
pub(crate) fn in_the_form_of(response: &Response, problem: Problem) -> Response {
    let content_type = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if content_type.is_some_and(|it| it.starts_with(b"text/html")) {
        page(problem)
    } else {
        problem.into_response()
    }
}

/// JSON below `/api`, else a page.
fn in_the_form_for(uri: &Uri, problem: Problem) -> Response {
    let api = uri.path().strip_prefix("/api").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if api { problem.into_response() } else { page(problem) }
}
