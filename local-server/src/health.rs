//! `heartbeat health`: checks the health of the server of this configuration.
//!
//! It serves container runtimes and service managers where no other HTTP client is installed, as in the image.

use std::time::Duration;

use heartbeat_core::config::Bind;
use http_body_util::Full;
use hyper::{Request, StatusCode};

use crate::client::{self, RequestError};

/// Timeout of the response. The server itself waits two seconds for the database.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(4);

/// An error of the health check.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unhealthy {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("the server at bind answers \"{0}\"; its log says why")]
    ErrorStatus(StatusCode),
}

/// Checks the health of the server that listens at `bind`.
pub(crate) async fn check(bind: &Bind) -> Result<(), Unhealthy> {
    let mut request = Request::new(Full::default());
    *request.uri_mut() = hyper::Uri::from_static("/.well-known/health");
    let status = client::send(bind, request, RESPONSE_TIMEOUT).await?.status();
    if status == StatusCode::OK { Ok(()) } else { Err(Unhealthy::ErrorStatus(status)) }
}
