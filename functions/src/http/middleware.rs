//! Rules for every response of every route: rate limiting of failed authentication, CORS, and
//! the line in the log.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{
        HeaderName, HeaderValue, Method, StatusCode,
        header::{ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION, CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    client_ip::{ClientIp, Peer},
    problem::Problem,
    request_metrics::method_label,
};
use crate::{App, pages::error};

/// Maximum length of a path and its query. What handlers do with a query takes time that grows with it.
const URI_MAX_BYTES: usize = 4 * 1024;

/// Whether pages of other sites may embed a response (Fetch standard, "Cross-Origin-Resource-Policy header").
pub(crate) const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// Mark of a response that is for the owner alone.
#[derive(Debug, Clone, Copy)]
struct Private;

/// Marks a response of a route of the owner's: it is kept out of caches and from other sites.
pub(crate) async fn keep_private(mut response: Response) -> Response {
    response.extensions_mut().insert(Private);
    response
}

/// Runs a request through its route, then applies the rate limit, the CORS header and the log line.
pub(crate) async fn every_response(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let peer = request.extensions().get::<Peer>();
    let client = peer.map_or(ClientIp(None), |peer| ClientIp::of(*peer, request.headers(), &app.config));
    request.extensions_mut().insert(client);
    let started = Instant::now();
    // A request without credentials is no guess. Any web page can make its visitor's browser send such.
    let is_attempt = request.headers().contains_key(AUTHORIZATION);
    let mut response = if request.uri().path_and_query().is_some_and(|it| it.as_str().len() > URI_MAX_BYTES) {
        Problem::UriTooLong.into_response()
    } else {
        next.run(request).await
    };
    let is_private = response.extensions_mut().remove::<Private>().is_some();
    // Guesses at the owner's key were counted where they were compared.
    if response.status() == StatusCode::UNAUTHORIZED && is_attempt && !is_private {
        let retry_after = app.rate_limiter.record_failure(client, (app.clock)());
        if let Some(delay) = retry_after {
            response = error::in_the_form_of(&response, Problem::too_many_requests(delay));
        }
    }
    // What can be read without a secret may be read by scripts of other sites, too.
    if path.is_some()
        && !is_private
        && method.is_safe()
        && response.status() != StatusCode::METHOD_NOT_ALLOWED
    {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    app.request_metrics.observe(&method, path.as_ref(), response.status(), started.elapsed());
    log(&method, path.as_ref(), response.status(), started);
    let mut response = error::render(response, &app.config);
    if is_private {
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    }
    response
}

/// Logs method, route and status, but neither the client nor the path as it was sent, which a stranger
/// chooses. A defect of ours is logged at every level; an outage, which strangers can provoke a line about as
/// often as they like, is logged where it is found.
fn log(method: &Method, path: Option<&MatchedPath>, status: StatusCode, started: Instant) {
    let route = path.map_or("none", MatchedPath::as_str);
    // A stranger may have made it up.
    let method = method_label(method);
    let microseconds = started.elapsed().as_micros();
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::warn!(method, route, status = status.as_u16(), microseconds, "request");
    } else {
        tracing::debug!(method, route, status = status.as_u16(), microseconds, "request");
    }
}
