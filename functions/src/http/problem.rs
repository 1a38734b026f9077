//! What can go wrong with a request, and the answer to it. The one place where errors get a status.

use axum::{
    Json,
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use heartbeat_core::Error;
use serde::Serialize;
use utoipa::ToSchema;

/// Seconds after which a client may ask again when the database was away. Recovery takes the
/// server less; clients that beat once a minute need not hurry.
pub(crate) const RETRY_AFTER_SECONDS: &str = "5";

/// The form in which programs are told about a problem.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// A problem as programs are told about it (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Details<'a> {
    /// `about:blank`: the problem is no more than its status.
    #[schema(example = "about:blank")]
    r#type: &'static str,
    /// The phrase that HTTP has for the status.
    #[schema(example = "Bad Request")]
    pub(crate) title: &'a str,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599, example = 400)]
    status: u16,
    /// What is wrong, for people.
    #[schema(example = "The member \"name\" is missing.")]
    pub(crate) detail: &'a str,
}

/// An error that a client is told about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The request makes no sense; the text says what to do about it.
    BadRequest(String),
    /// The token or key is missing or wrong.
    Unauthorized,
    /// Nothing is here.
    NotFound,
    /// No device has this id.
    UnknownDevice,
    /// Something is here, but not for this method.
    MethodNotAllowed,
    /// The body is larger than anything sensible.
    PayloadTooLarge,
    /// This is for WebSockets only.
    UpgradeRequired,
    /// The body did not come in time.
    RequestTimeout,
    /// Too many failed attempts; so many seconds to wait.
    TooManyRequests(i64),
    /// As many viewers as there may be.
    TooManyViewers,
    /// A defect of ours.
    Internal,
    /// The database is away.
    Unavailable,
}

impl Problem {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotFound | Self::UnknownDevice => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooManyRequests(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TooManyViewers | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn detail(&self) -> &str {
        match self {
            Self::BadRequest(detail) => detail,
            Self::Unauthorized => "The Authorization header is missing, or what it holds is not valid here.",
            Self::NotFound => "There is nothing at this address.",
            Self::UnknownDevice => "There is no device with this id.",
            Self::MethodNotAllowed => {
                "This address does not support this method; the Allow header lists those it does."
            }
            Self::PayloadTooLarge => "The body is larger than 16 KiB.",
            Self::UpgradeRequired => "This address is for WebSockets (RFC 6455, version 13, over HTTP/1.1).",
            Self::RequestTimeout => "The body did not come within ten seconds.",
            Self::TooManyRequests(_) => {
                "Too many requests from this address had a token or key that is not valid here."
            }
            Self::TooManyViewers => "As many as this server allows are watching. Please try again later.",
            Self::Internal => "Something went wrong on the server. Its log says what.",
            Self::Unavailable => {
                "The database is not available right now. Please try again in a few seconds."
            }
        }
    }

    /// The answer as JSON for programs (RFC 9457).
    fn into_json(self) -> Response {
        let mut response = (self.status(), Json(self.details())).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        self.add_headers(response)
    }

    pub(crate) fn details(&self) -> Details<'_> {
        let status = self.status();
        // `about:blank` says that the problem is no more than its status, and asks for that
        // status's own phrase as the title (RFC 9457, section 4.2.1).
        let title = status.canonical_reason().unwrap_or_default();
        Details { r#type: "about:blank", title, status: status.as_u16(), detail: self.detail() }
    }

    /// Adds the header that tells a program what to do about it.
    pub(crate) fn add_headers(&self, mut response: Response) -> Response {
        response.headers_mut().extend(self.header());
        response
    }

    /// The header that tells a program what to do about it.
    pub(crate) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let header = |name, value| Some((name, HeaderValue::from_static(value)));
        match self {
            Self::Unauthorized => header(WWW_AUTHENTICATE, "Bearer"),
            Self::TooManyViewers | Self::Unavailable => header(RETRY_AFTER, RETRY_AFTER_SECONDS),
            Self::TooManyRequests(seconds) => Some((RETRY_AFTER, HeaderValue::from(*seconds))),
            // RFC 9110, section 15.5.22: the answer must name the protocol.
            Self::UpgradeRequired => header(UPGRADE, "websocket"),
            _ => None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.into_json()
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::UnknownToken => Self::Unauthorized,
            Error::UnknownDevice => Self::UnknownDevice,
            Error::Unavailable | Error::Schema(_) => Self::Unavailable,
            Error::Internal => Self::Internal,
        }
    }
}
