//! The one HTTP client of all channels, and the one classification of responses.

use std::{sync::Arc, time::Duration};

use reqwest::{Response, StatusCode, header::HeaderMap};

use super::channel::{Message, Outcome};

/// Timeout of connecting to a service.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Timeout of one attempt, from connecting to the response.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends messages.
#[derive(Debug)]
pub struct Http(reqwest::Client);

impl Default for Http {
    /// Returns a client that trusts the roots built into the program and follows no redirects.
    ///
    /// # Panics
    ///
    /// Never: what could fail is fixed when the program is built.
    fn default() -> Self {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(SEND_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("Heartbeat/", env!("CARGO_PKG_VERSION")))
            .build();
        Self(client.expect("a client"))
    }
}

impl Http {
    /// Sends a message, and classifies the response.
    pub async fn send(&self, message: Message) -> Outcome {
        let mut request =
            self.0.post(message.url.expose().clone()).header("content-type", "application/json");
        for (name, value) in message.headers {
            request = request.header(name, value);
        }
        match request.body(message.body).send().await {
            Ok(response) => classify(&response),
            // The library's own text holds the URL, which is a secret, and the host's IP address.
            Err(error) => {
                let reason = if error.is_timeout() {
                    "no answer in time"
                } else if error.is_connect() {
                    "cannot connect"
                } else {
                    "the connection broke"
                };
                Outcome::RetryLater { reason: reason.to_owned(), retry_after: None }
            }
        }
    }
}

/// TLS as for the database: on ring, with the roots that come with the program.
fn tls() -> rustls::ClientConfig {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has ciphers for all versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Classifies a response: 2xx delivers; 429, 408, 3xx and 5xx are worth a retry; 401, 403, 404 and 410 say that
/// the channel is gone; any other 4xx refuses these events. `Retry-After` and Discord's `X-RateLimit-*` set the
/// delay before the next message.
fn classify(response: &Response) -> Outcome {
    let (status, headers) = (response.status(), response.headers());
    if status.is_success() {
        let exhausted = seconds(headers, "x-ratelimit-remaining") == Some(Duration::ZERO);
        let delay = seconds(headers, "x-ratelimit-reset-after").filter(|_| exhausted);
        return Outcome::Delivered(delay.unwrap_or_default());
    }
    let reason = format!("status {}", status.as_u16());
    if status == StatusCode::TOO_MANY_REQUESTS {
        let retry_after =
            seconds(headers, "retry-after").or_else(|| seconds(headers, "x-ratelimit-reset-after"));
        return Outcome::RetryLater { reason, retry_after };
    }
    match status.as_u16() {
        401 | 403 | 404 | 410 => Outcome::Gone(reason),
        408 => Outcome::RetryLater { reason, retry_after: seconds(headers, "retry-after") },
        400..500 => Outcome::Refused(reason),
        _ => Outcome::RetryLater { reason, retry_after: seconds(headers, "retry-after") },
    }
}

/// A header that holds seconds, perhaps with a fraction.
fn seconds(headers: &HeaderMap, name: &str) -> Option<Duration> {
    let value: f64 = headers.get(name)?.to_str().ok()?.trim().parse().ok()?;
    Duration::try_from_secs_f64(value).ok()
}
