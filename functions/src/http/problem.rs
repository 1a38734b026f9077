//! Problems (RFC 9457), and the responses to them. This is the one place where errors get a status.

use axum::{
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use heartbeat_core::Error;
use serde::Serialize;
use utoipa::ToSchema;

use super::json::JsonLine;

/// `Retry-After` while the database is unavailable. The server recovers in less; clients that beat once a minute
/// need not retry sooner.
pub(crate) const RETRY_AFTER_SECONDS: &str = "5";

/// Content type of a problem.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// Problem details (RFC 9457): the body of an error response.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Details<'a> {
    /// `about:blank`: the status says which problem it is.
    #[schema(example = "about:blank")]
    r#type: &'static str,
    /// Reason phrase of the status.
    #[schema(example = "Bad Request")]
    pub(crate) title: &'a str,
    /// HTTP status of the response.
    #[schema(minimum = 400, maximum = 599, example = 400)]
    status: u16,
    /// Explanation for people. Programs should go by `status`.
    #[schema(example = "The member \"name\" is missing.")]
    pub(crate) detail: &'a str,
}

/// An error that a client gets to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The request is malformed; the text says what to correct.
    BadRequest(String),
    /// The token or secret key is missing or invalid.
    Unauthorized,
    /// A page of another site may have made the browser of the owner send the request.
    CrossSite,
    /// No route has this path.
    NotFound,
    /// The route needs the owner's secret key, and the configuration has none.
    NoSecretKey,
    /// The owner does not show this part of the history to others.
    HistoryNotShown,
    /// No device has this id.
    UnknownDevice,
    /// No device has this pairing code, or no longer.
    UnknownPairingCode,
    /// The link in a notification was not signed with the present key.
    UnknownLink,
    /// The device is archived, and gets no credentials.
    ArchivedDevice,
    /// No channel has the id in the request.
    UnknownChannel,
    /// The channel is the one that the configuration names.
    ConfiguredChannel,
    /// The chat of the channel is not known yet.
    UnlinkedChannel,
    /// There are as many channels as there may be.
    TooManyChannels,
    /// No alert has the id in the request.
    UnknownAlert,
    /// There are as many alerts as there may be.
    TooManyAlerts,
    /// The route does not support this method.
    MethodNotAllowed,
    /// The body exceeds the maximum size.
    PayloadTooLarge,
    /// What an editor sends exceeds the maximum size, or the maximum number of items.
    BatchTooLarge,
    /// Path and query exceed the maximum length.
    UriTooLong,
    /// A viewer asks for frames that there are not.
    UnknownFrames,
    /// The route accepts WebSockets only.
    UpgradeRequired,
    /// The body did not arrive before the timeout.
    RequestTimeout,
    /// Rate limit of failed authentication, with `Retry-After` in seconds.
    TooManyRequests(i64),
    /// Rate limit of wrong pairing codes, with `Retry-After` in seconds.
    TooManyPairingCodes(i64),
    /// The maximum number of viewers is reached.
    TooManyViewers,
    /// As much work of this kind waits as the server allows, in all or from one client.
    Overloaded,
    /// A defect of the server.
    Internal,
    /// The database is unavailable.
    Unavailable,
}

impl Problem {
    /// Rate limit of failed authentication, for `delay` longer.
    pub(crate) fn too_many_requests(delay: time::Duration) -> Self {
        Self::TooManyRequests(seconds_until(delay))
    }

    /// Rate limit of wrong pairing codes, for `delay` longer.
    pub(crate) fn too_many_pairing_codes(delay: time::Duration) -> Self {
        Self::TooManyPairingCodes(seconds_until(delay))
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_)
            | Self::ArchivedDevice
            | Self::ConfiguredChannel
            | Self::TooManyChannels
            | Self::TooManyAlerts
            | Self::UnknownFrames => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::CrossSite | Self::HistoryNotShown => StatusCode::FORBIDDEN,
            Self::NotFound
            | Self::NoSecretKey
            | Self::UnknownAlert
            | Self::UnknownChannel
            | Self::UnknownDevice
            | Self::UnknownLink
            | Self::UnknownPairingCode => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnlinkedChannel => StatusCode::CONFLICT,
            Self::PayloadTooLarge | Self::BatchTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooManyRequests(_) | Self::TooManyPairingCodes(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TooManyViewers | Self::Overloaded | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn detail(&self) -> &str {
        match self {
            Self::BadRequest(detail) => detail,
            Self::Unauthorized => "The Authorization header is missing, or what it holds is not valid here.",
            Self::CrossSite => {
                "This request does not come from a page of this server, so it is refused: another site may have made \
                 your browser send it. Open the page again and repeat what you did."
            }
            Self::HistoryNotShown => {
                "The owner does not show this part of the history to others. The owner sees it with the secret key."
            }
            Self::NotFound => "There is nothing at this address.",
            Self::NoSecretKey => {
                "This server has no secret key yet. Run \"heartbeat gen-key\", set what it prints as \
                 secret_key (HEARTBEAT_SECRET_KEY in the environment), and start the server again."
            }
            Self::UnknownDevice => "There is no device with this id.",
            Self::UnknownPairingCode => {
                "This pairing code is wrong, was used, or is older than ten minutes. Make a new one, or ask the owner \
                 for one."
            }
            Self::UnknownLink => {
                "This link does not work. Perhaps it was not copied whole, or the server has a new key since it was sent."
            }
            Self::ArchivedDevice => "The device is archived. Bring it back first (\"archived\": false).",
            Self::UnknownChannel => "There is no channel with this id.",
            Self::ConfiguredChannel => {
                "This channel belongs to the configuration. Change webhook.url and webhook.level there, and start the \
                 server again."
            }
            Self::UnlinkedChannel => {
                "The chat of this channel is not known yet. Open its start_link, or send /start and its start_code to the bot."
            }
            Self::TooManyChannels => "There are 50 channels already, which is the maximum. Delete one first.",
            Self::UnknownAlert => "There is no alert with this id.",
            Self::TooManyAlerts => "There are 50 alerts already, which is the maximum. Delete one first.",
            Self::MethodNotAllowed => {
                "This address does not support this method; the Allow header lists those it does."
            }
            Self::PayloadTooLarge => "The body is larger than 16 KiB.",
            Self::BatchTooLarge => "The body is larger than 6 MiB, or has more than 1,000 items.",
            Self::UriTooLong => "The path and the query are longer than 4 KiB.",
            Self::UnknownFrames => "The parameter \"frames\" is neither \"changes\" nor left out.",
            Self::UpgradeRequired => "This address is for WebSockets (RFC 6455, version 13, over HTTP/1.1).",
            Self::RequestTimeout => "The body did not come within ten seconds.",
            Self::TooManyRequests(_) => {
                "Too many requests from this address had a token or key that is not valid here."
            }
            Self::TooManyPairingCodes(_) => {
                "Too many pairing codes were wrong. Wait for the time that the Retry-After header says, and try again."
            }
            Self::TooManyViewers => "As many as this server allows are watching. Please try again later.",
            Self::Overloaded => "Too many new images are being drawn. Please try again in a few seconds.",
            Self::Internal => "Something went wrong on the server. Its log says what.",
            Self::Unavailable => {
                "The database is not available right now. Please try again in a few seconds."
            }
        }
    }

    /// Returns the response as JSON (RFC 9457).
    fn into_json(self) -> Response {
        let mut response = (self.status(), JsonLine(self.details())).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        self.add_headers(response)
    }

    pub(crate) fn details(&self) -> Details<'_> {
        let status = self.status();
        // `about:blank` says that the problem is no more than its status, and requires the status's reason
        // phrase as the title (RFC 9457, section 4.2.1).
        let title = status.canonical_reason().unwrap_or_default();
        Details { r#type: "about:blank", title, status: status.as_u16(), detail: self.detail() }
    }

    /// Adds the [`header`](Self::header) to a response.
    pub(crate) fn add_headers(&self, mut response: Response) -> Response {
        response.headers_mut().extend(self.header());
        response
    }

    /// Returns the header that tells clients how to go on, such as `Retry-After`.
    pub(crate) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let header = |name, value| Some((name, HeaderValue::from_static(value)));
        match self {
            Self::Unauthorized => header(WWW_AUTHENTICATE, "Bearer"),
            Self::TooManyViewers | Self::Overloaded | Self::Unavailable => {
                header(RETRY_AFTER, RETRY_AFTER_SECONDS)
            }
            Self::TooManyRequests(seconds) | Self::TooManyPairingCodes(seconds) => {
                Some((RETRY_AFTER, HeaderValue::from(*seconds)))
            }
            // RFC 9110, section 15.5.22: the response must name the protocol.
            Self::UpgradeRequired => header(UPGRADE, "websocket"),
            _ => None,
        }
    }
}

/// Returns the value of `Retry-After`. Rounded up: a moment earlier it would be refused again.
fn seconds_until(delay: time::Duration) -> i64 {
    delay.whole_seconds() + i64::from(delay.subsec_nanoseconds() > 0)
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
            Error::UnknownPairingCode => Self::UnknownPairingCode,
            Error::TooManyPairingFailures { retry_after } => Self::too_many_pairing_codes(retry_after),
            Error::ArchivedDevice => Self::ArchivedDevice,
            Error::UnknownChannel => Self::UnknownChannel,
            Error::ConfiguredChannel => Self::ConfiguredChannel,
            Error::UnlinkedChannel => Self::UnlinkedChannel,
            Error::TooManyChannels => Self::TooManyChannels,
            Error::UnknownAlert => Self::UnknownAlert,
            Error::TooManyAlerts => Self::TooManyAlerts,
            Error::Unavailable | Error::Schema(_) => Self::Unavailable,
            Error::Internal => Self::Internal,
        }
    }
}
