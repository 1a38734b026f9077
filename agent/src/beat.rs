//! Sending a beat: one request, ten seconds at most, with nothing but the token.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use rustls::crypto::ring;
use serde::Deserialize;
use ureq::{
    Agent,
    http::{HeaderMap, StatusCode, header},
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
};

use crate::{rule::Outcome, server_url::ServerUrl, token::Token};

/// Timeout of a beat, from the first packet to the last: a request that hangs must not hold up the next beat.
const BEAT_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest answer that is read: a beat's is a number.
const ANSWER_MAX_BYTES: u64 = 4096;

/// Longest name of a device, in characters.
const NAME_MAX_CHARS: usize = 100;

/// HTTP client for one server.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    url: ServerUrl,
}

/// Reason why there is no client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// Unreadable certificates.
    #[error("ca_file: {0}: {1}")]
    CaFile(PathBuf, io::Error),
    /// Not a PEM file.
    #[error("ca_file: {0}: expected certificates in PEM form")]
    NotPem(PathBuf),
}

/// Reason why a pairing code was not redeemed, as a sentence.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PairError {
    /// The server did not take it.
    #[error("{0}")]
    Refused(String),
    /// The server could not be asked, or asks to wait.
    #[error("{0}")]
    NoAnswer(String),
}

/// What the server said to a beat, or why it did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// What it means to the rule.
    pub(crate) outcome: Outcome,
    /// What it means to the user.
    pub(crate) text: String,
}

impl Client {
    /// Returns a client for the server at `url`, which trusts the certificates in `ca_file` or those of the system.
    pub(crate) fn new(url: ServerUrl, ca_file: Option<&Path>) -> Result<Self, ClientError> {
        let roots = match ca_file {
            None => RootCerts::PlatformVerifier,
            Some(path) => trusted(path)?,
        };
        let tls = TlsConfig::builder()
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(BEAT_TIMEOUT))
            // A token is for this server alone.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            // A minute later a kept connection is closed on one side or the other.
            .max_idle_connections(0)
            .user_agent("")
            .accept("")
            .accept_encoding("");
        Ok(Self { agent: crate::transport::agent(config, &url), url })
    }

    /// Sends a beat.
    pub(crate) fn beat(&self, token: &Token) -> Answer {
        let request = self
            .agent
            .post(self.url.join("/api/beat"))
            .header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
        match request.send_empty() {
            Ok(mut answer) => {
                let body = answer.body_mut().with_config().limit(ANSWER_MAX_BYTES).read_to_string();
                explain(answer.status(), answer.headers(), body.ok().as_deref(), &self.url)
            }
            Err(error) => {
                Answer { outcome: Outcome::Failed, text: format!("{}: no answer: {error}", self.url) }
            }
        }
    }

    /// Redeems a pairing code.
    pub(crate) fn pair(&self, code: &str) -> Result<Paired, PairError> {
        let body = serde_json::json!({ "code": code }).to_string();
        let request = self.agent.post(self.url.join("/api/pair")).content_type("application/json");
        let mut answer = request.send(body).map_err(|error| {
            PairError::NoAnswer(format!("{}: no answer: {error}; try the code again", self.url))
        })?;
        let status = answer.status().as_u16();
        let explain = |meaning| format!("{}: {status}: {meaning}", self.url);
        match status {
            200 => {}
            404 => {
                return Err(PairError::Refused(explain("the code is wrong, used or too old; make another")));
            }
            429 => {
                let meaning = "too many codes were wrong; wait a minute, then try this one again";
                return Err(PairError::NoAnswer(explain(meaning)));
            }
            500..=599 => {
                return Err(PairError::NoAnswer(explain("the server has an error; try the code again")));
            }
            _ => {
                let meaning = "this is no answer of a Heartbeat server that pairs; check the URL";
                return Err(PairError::Refused(explain(meaning)));
            }
        }
        let body = answer.body_mut().with_config().limit(ANSWER_MAX_BYTES).read_to_string();
        let paired = body.ok().and_then(|body| serde_json::from_str(&body).ok());
        let paired = paired.filter(|paired: &Paired| paired.name.as_deref().is_none_or(is_device_name));
        paired.ok_or_else(|| {
            PairError::Refused(format!("{}: the answer is not of a Heartbeat server", self.url))
        })
    }
}

/// What a server answers to a pairing code.
#[derive(Debug, Deserialize)]
pub(crate) struct Paired {
    /// Name of the device; missing for some that were moved in from the earlier service.
    pub(crate) name: Option<String>,
    /// Device token.
    pub(crate) token: Token,
}

/// Whether a server may give a device this name: others could tell a terminal what to do.
fn is_device_name(name: &str) -> bool {
    name.chars().count() <= NAME_MAX_CHARS && !name.chars().any(char::is_control)
}

/// Reads certificates from a PEM file.
fn trusted(path: &Path) -> Result<RootCerts, ClientError> {
    let pem = fs::read(path).map_err(|error| ClientError::CaFile(path.to_owned(), error))?;
    let items = parse_pem(&pem).collect::<Result<Vec<_>, _>>();
    let certificates = items.unwrap_or_default().into_iter().filter_map(|item| match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    });
    let certificates: Vec<_> = certificates.collect();
    if certificates.is_empty() {
        return Err(ClientError::NotPem(path.to_owned()));
    }
    Ok(RootCerts::Specific(Arc::new(certificates)))
}

/// Says what an answer means, as the page about clients has it.
fn explain(status: StatusCode, headers: &HeaderMap, body: Option<&str>, url: &ServerUrl) -> Answer {
    let is_time = body.is_some_and(|body| !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_digit()));
    let (outcome, meaning) = match status.as_u16() {
        200 if is_time => (Outcome::Recorded, "recorded"),
        401 => (Outcome::UnknownToken, "the server does not know the token"),
        429 | 503 => (Outcome::Busy(retry_after(headers)), "the server asks to wait"),
        500..=599 => (Outcome::Failed, "the server has an error"),
        _ => (Outcome::Refused, "this is no answer of a Heartbeat server; check the URL"),
    };
    Answer { outcome, text: format!("{url}: {}: {meaning}", status.as_u16()) }
}

/// Returns the delay that `Retry-After` asks for, in seconds or as a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let now = headers.get(header::DATE).and_then(|date| date.to_str().ok());
    // By the server's own clock: this device's may be wrong.
    let now: SystemTime = httpdate::parse_http_date(now?).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}
