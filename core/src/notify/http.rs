//! The one HTTP client of all channels, and the one classification of responses.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{StatusCode, header::HeaderMap};
use serde_json::Value;
use time::OffsetDateTime;
use url::Url;

use super::{
    guard::{Forbidden, Guard},
    outcome::Outcome,
};
use crate::{Clock, runtime::Runtime, secret::Secret, tls};

/// Timeout of connecting to a service.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Timeout of one attempt, from connecting to the response.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of an answer that are read. Those that say something are short.
pub const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// Delay before a name is resolved again that leads where no channel may point to.
const FORBIDDEN_DELAY: Duration = Duration::from_mins(20);

/// Reason of an attempt that took too long.
pub(super) const NO_ANSWER: &str = "no answer in time";

/// Sends messages.
#[derive(Debug)]
pub struct Http {
    runtime: Runtime,
    clock: Clock,
    /// Made when it is first needed, as it takes memory and most servers need it seldom.
    client: OnceLock<reqwest::Client>,
}

impl Http {
    /// Returns a client for channels of a program with this runtime, which the [guard](super::guard) keeps from servers that
    /// none may point to. It follows no redirects.
    #[must_use]
    pub fn new(runtime: Runtime, clock: Clock) -> Self {
        Self { runtime, clock, client: OnceLock::new() }
    }

    /// # Panics
    ///
    /// Never: what could fail is fixed when the program is built.
    fn client(&self) -> &reqwest::Client {
        self.client.get_or_init(|| client(self.runtime))
    }
}

fn client(runtime: Runtime) -> reqwest::Client {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls::client_config())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(SEND_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .dns_resolver(Arc::new(Guard(runtime)))
        .user_agent(concat!("Heartbeat/", env!("CARGO_PKG_VERSION")))
        .build();
    client.expect("a client")
}

/// A message over HTTP: a `POST` with a JSON body.
#[derive(Debug)]
pub struct Message {
    /// URL to post to; often the secret that allows to write there.
    pub url: Secret<Url>,
    /// Headers besides the content type.
    pub headers: Vec<(&'static str, String)>,
    /// The body, as JSON.
    pub body: Vec<u8>,
}

/// The answer of a service.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The body, or the first [`ANSWER_MAX_BYTES`] of it.
    pub body: Vec<u8>,
    /// When it began to arrive.
    pub received_at: OffsetDateTime,
}

impl Http {
    /// Sends a message. Fails with the outcome of an attempt without an answer.
    pub async fn post(&self, message: Message) -> Result<Answer, Outcome> {
        let mut request =
            self.client().post(message.url.expose().clone()).header("content-type", "application/json");
        for (name, value) in message.headers {
            request = request.header(name, value);
        }
        let answer = async {
            let mut response = request.body(message.body).send().await?;
            let received_at = (self.clock)();
            let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
            let mut body = Vec::new();
            while body.len() < ANSWER_MAX_BYTES
                && let Some(chunk) = response.chunk().await?
            {
                body.extend_from_slice(&chunk[..chunk.len().min(ANSWER_MAX_BYTES - body.len())]);
            }
            Ok::<_, reqwest::Error>(Answer { status, headers, body, received_at })
        };
        // The library's own text holds the URL, which is a secret, and the host's IP address.
        answer.await.map_err(|error| without_answer(&error))
    }

    /// Sends a message, and classifies the answer as most services mean it. `gone`: see [`Answer::outcome`].
    pub async fn deliver(&self, message: Message, gone: &[u16]) -> Outcome {
        match self.post(message).await {
            Ok(answer) => answer.outcome(gone),
            Err(outcome) => outcome,
        }
    }
}

/// Classifies an attempt without an answer: once there was a connection, the service may have taken the message.
fn without_answer(error: &reqwest::Error) -> Outcome {
    let later = |reason: &str| Outcome::RetryLater { reason: reason.to_owned(), retry_after: None };
    match (error.is_connect(), error.is_timeout()) {
        _ if Forbidden::caused(error) => {
            Outcome::RetryLater { reason: Forbidden.to_string(), retry_after: Some(FORBIDDEN_DELAY) }
        }
        (true, true) => later(NO_ANSWER),
        (true, false) => later("cannot connect"),
        (false, true) => Outcome::Unknown(NO_ANSWER.to_owned()),
        (false, false) => Outcome::Unknown("the connection broke".to_owned()),
    }
}

impl Answer {
    /// Classifies the answer: 2xx delivers; a status in `gone` says that the service will never take anything again; 401 and
    /// 403 that it does not let us in; 404, 408, 429, 3xx and 5xx are worth a retry, of which 502 and 504 come from a proxy that
    /// does not know what its server did; any other 4xx refuses these events.
    /// `Retry-After` and Discord's `X-RateLimit-*` set the delay before the next message.
    #[must_use]
    pub fn outcome(&self, gone: &[u16]) -> Outcome {
        let (status, headers) = (self.status, &self.headers);
        if status.is_success() {
            let exhausted = seconds(headers, "x-ratelimit-remaining") == Some(Duration::ZERO);
            let delay = seconds(headers, "x-ratelimit-reset-after").filter(|_| exhausted);
            return Outcome::Delivered(delay.unwrap_or_default());
        }
        let reason = self.reason();
        let retry_after = retry_after(headers, self.received_at);
        match status.as_u16() {
            status if gone.contains(&status) => Outcome::Gone(reason),
            401 | 403 => Outcome::Denied(reason),
            502 | 504 => Outcome::Unknown(reason),
            429 => {
                let retry_after = retry_after.or_else(|| seconds(headers, "x-ratelimit-reset-after"));
                Outcome::RetryLater { reason, retry_after }
            }
            400..500 if !matches!(status, StatusCode::NOT_FOUND | StatusCode::REQUEST_TIMEOUT) => {
                Outcome::Refused(reason)
            }
            _ => Outcome::RetryLater { reason, retry_after },
        }
    }

    /// Returns the body as JSON; `null` if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Returns the status as a reason for the log and the owner: what services write themselves may hold secrets.
    #[must_use]
    pub fn reason(&self) -> String {
        format!("status {}", self.status.as_u16())
    }
}

/// The delay that `Retry-After` asks for: in seconds, or as a date (RFC 9110, section 10.2.3), which is compared with the clock of the
/// service, if it tells that.
fn retry_after(headers: &HeaderMap, received_at: OffsetDateTime) -> Option<Duration> {
    let date = |name| httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok();
    seconds(headers, "retry-after").or_else(|| {
        let now = date("date").unwrap_or_else(|| received_at.into());
        Some(date("retry-after")?.duration_since(now).unwrap_or_default())
    })
}

/// A header that holds seconds, perhaps with a fraction.
fn seconds(headers: &HeaderMap, name: &str) -> Option<Duration> {
    let value: f64 = headers.get(name)?.to_str().ok()?.trim().parse().ok()?;
    Duration::try_from_secs_f64(value).ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};
    use time::macros::datetime;

    use super::*;

    fn classified(status: u16, headers: &[(&'static str, &'static str)]) -> Outcome {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let status = StatusCode::from_u16(status).expect("a status");
        let received_at = datetime!(2026-11-25 07:00 UTC);
        Answer { status, headers, body: Vec::new(), received_at }.outcome(&[410])
    }

    #[test]
    fn what_may_pass_is_retried() {
        for status in [302, 404, 408, 429, 500, 503] {
            let reason = format!("status {status}");
            assert_eq!(classified(status, &[]), Outcome::RetryLater { reason, retry_after: None });
        }
    }

    #[test]
    fn what_a_proxy_says_of_a_server_without_an_answer_may_have_been_delivered() {
        for status in [502, 504] {
            assert_eq!(classified(status, &[]), Outcome::Unknown(format!("status {status}")));
        }
    }

    #[test]
    fn a_service_that_does_not_let_us_in_is_retried_rarely() {
        for status in [401, 403] {
            assert_eq!(classified(status, &[]), Outcome::Denied(format!("status {status}")));
        }
    }

    #[test]
    fn what_will_never_be_taken_is_refused_or_gone() {
        assert_eq!(classified(400, &[]), Outcome::Refused("status 400".to_owned()));
        assert_eq!(classified(413, &[]), Outcome::Refused("status 413".to_owned()));
        assert_eq!(classified(410, &[]), Outcome::Gone("status 410".to_owned()));
    }

    #[test]
    fn services_say_when_to_come_back() {
        let after = |seconds| Outcome::RetryLater {
            reason: "status 429".to_owned(),
            retry_after: Some(Duration::from_secs_f64(seconds)),
        };
        assert_eq!(classified(429, &[("retry-after", "0")]), after(0.0));
        assert_eq!(classified(429, &[("x-ratelimit-reset-after", "1.5")]), after(1.5));
        assert_eq!(classified(429, &[("retry-after", "2"), ("x-ratelimit-reset-after", "1.5")]), after(2.0));
        let date = ("retry-after", "Wed, 25 Nov 2026 07:01:30 GMT");
        assert_eq!(classified(429, &[date]), after(90.0));
        assert_eq!(classified(429, &[date, ("date", "Wed, 25 Nov 2026 07:01:00 GMT")]), after(30.0));
        assert_eq!(classified(429, &[date, ("date", "Wed, 25 Nov 2026 08:00:00 GMT")]), after(0.0));
        let reset = ("x-ratelimit-reset-after", "1.5");
        let delivered = |delay| Outcome::Delivered(Duration::from_secs_f64(delay));
        assert_eq!(classified(200, &[("x-ratelimit-remaining", "0"), reset]), delivered(1.5));
        assert_eq!(classified(204, &[("x-ratelimit-remaining", "1"), reset]), delivered(0.0));
    }
}
