//! Client of AWS Secrets Manager, for the one call that functions make. Its SDK, or a client with a pool of connections,
//! would make the smallest functions larger by a tenth and more.
//!
//! Sources: `GetSecretValue` in the API reference of Secrets Manager; "AWS JSON 1.1 protocol" in Smithy's specification.

use std::{io, sync::Arc, time::Duration};

use axum::http::{Request, StatusCode};
use bytes::Bytes;
use heartbeat_core::{Clock, secret::Secret, tls};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};
use url::Url;

use super::signature::{Signer, timestamp};
use crate::{
    app::system_clock,
    lambda::{Error, required},
};

/// Variable that overrides the endpoint, as AWS's own SDKs read it.
const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL_SECRETS_MANAGER";

/// Timeout of one attempt, from connecting to the last byte. Two of them end before Lambda gives the start of a function
/// up, after ten seconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// Longest response that is read. A secret has at most 65,536 bytes ("AWS Secrets Manager quotas"), each of which JSON
/// may write as six.
const RESPONSE_MAX_BYTES: usize = 512 * 1024;

/// Client of Secrets Manager.
#[derive(Debug)]
pub(super) struct SecretsManager {
    /// URL without a path, with `http` or `https`.
    endpoint: Url,
    signer: Signer,
    session_token: Option<Secret<String>>,
    clock: Clock,
}

/// A connection, with TLS or without.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl SecretsManager {
    /// Creates a client with the region and the credentials of this function. `AWS_ENDPOINT_URL_SECRETS_MANAGER`
    /// overrides the endpoint of the region.
    pub(super) fn from_environment() -> Result<Self, Error> {
        let region = required("AWS_REGION")?;
        let endpoint = required(ENDPOINT_VARIABLE)
            .unwrap_or_else(|_| format!("https://secretsmanager.{region}.amazonaws.com/"));
        let is_usable = |url: &Url| matches!(url.scheme(), "http" | "https") && url.path() == "/";
        let endpoint = Url::parse(&endpoint).ok().filter(is_usable);
        let endpoint = endpoint.ok_or_else(|| {
            format!("{ENDPOINT_VARIABLE} (environment variable): expected a URL without a path")
        })?;
        let signer = Signer {
            key_id: required("AWS_ACCESS_KEY_ID")?,
            secret_key: Secret::new(required("AWS_SECRET_ACCESS_KEY")?),
            region,
            service: "secretsmanager",
        };
        let session_token = required("AWS_SESSION_TOKEN").ok().map(Secret::new);
        Ok(Self { endpoint, signer, session_token, clock: system_clock })
    }

    /// Returns the text of the secret with this name or ARN. What may pass is retried once.
    pub(super) async fn get(&self, id: &str) -> Result<Secret<String>, GetError> {
        match self.attempt(id).await {
            Err(error) if error.may_pass() => self.attempt(id).await,
            result => result,
        }
    }

    async fn attempt(&self, id: &str) -> Result<Secret<String>, GetError> {
        let request = self.request(id).ok_or(GetError::Unsigned)?;
        let (status, body) = timeout(ATTEMPT_TIMEOUT, self.send(request))
            .await
            .unwrap_or(Err(GetError::Unreachable("no answer in time")))?;
        parse(status, &body)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), GetError> {
        let broke = |_| GetError::Unreachable("the connection broke");
        let stream = self.connect().await.map_err(|_| GetError::Unreachable("cannot connect"))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broke)?;
        // Ends with the response, or when this future is dropped.
        tokio::spawn(connection);
        let response = sender.send_request(request).await.map_err(broke)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), RESPONSE_MAX_BYTES).collect().await;
        let body = body.map_err(|_| GetError::Unreachable("the answer broke off, or is too long"))?;
        Ok((status, body.to_bytes()))
    }

    /// Opens a connection. None is kept: it would seldom outlive the time for which Lambda freezes the process.
    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let host = self.endpoint.host_str().unwrap_or_default();
        let tcp =
            TcpStream::connect((host, self.endpoint.port_or_known_default().unwrap_or_default())).await?;
        if self.endpoint.scheme() == "http" {
            return Ok(Box::new(tcp));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let tls = TlsConnector::from(Arc::new(tls::client_config()));
        Ok(Box::new(tls.connect(name, tcp).await?))
    }

    /// Returns the signed request for a secret; `None` if the credentials cannot be sent in headers.
    fn request(&self, id: &str) -> Option<Request<Full<Bytes>>> {
        let body = json!({ "SecretId": id }).to_string();
        let now = (self.clock)();
        let port = self.endpoint.port().map(|port| format!(":{port}")).unwrap_or_default();
        let mut headers = vec![
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("host", format!("{}{port}", self.endpoint.host_str()?)),
            ("x-amz-date", timestamp(now)),
        ];
        headers.extend(self.session_token.iter().map(|it| ("x-amz-security-token", it.expose().clone())));
        headers.push(("x-amz-target", "secretsmanager.GetSecretValue".to_owned()));
        let authorization = self.signer.authorization(&headers, &body, now);
        let request = Request::post("/").header("authorization", authorization).header("connection", "close");
        let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        request.body(Full::from(body)).ok()
    }
}

/// Reasons why a secret cannot be read. None of them holds its name or its value.
#[derive(Debug, thiserror::Error)]
pub(super) enum GetError {
    #[error(
        "Secrets Manager: {0}; a function in a VPC needs an endpoint for secretsmanager, or a NAT gateway"
    )]
    Unreachable(&'static str),
    #[error("Secrets Manager: {name}, status {status}; {}", advice(.name))]
    Refused { status: u16, name: String },
    #[error("expected a secret that is stored as plain text")]
    NotText,
    #[error("cannot sign a request with the credentials in AWS_ACCESS_KEY_ID and beside it")]
    Unsigned,
}

impl GetError {
    /// Whether another attempt may succeed at once.
    fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused { status, name } => *status >= 500 || *status == 429 || name.contains("Throttl"),
            Self::NotText | Self::Unsigned => false,
        }
    }
}

/// Returns what to do about an error of this name.
fn advice(name: &str) -> &'static str {
    match name {
        "AccessDeniedException" => "allow this function secretsmanager:GetSecretValue on the secret",
        "ResourceNotFoundException" => "expected the name or the ARN of a secret in this region",
        _ => "see GetSecretValue in its API reference",
    }
}

#[derive(Deserialize)]
struct SecretValue {
    #[serde(rename = "SecretString")]
    text: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "__type")]
    name: String,
}

/// Parses the response to the call.
fn parse(status: StatusCode, body: &[u8]) -> Result<Secret<String>, GetError> {
    if status.is_success() {
        let value = serde_json::from_slice::<SecretValue>(body).ok().and_then(|value| value.text);
        return value.map(Secret::new).ok_or(GetError::NotText);
    }
    let name = serde_json::from_slice::<Refusal>(body).map(|refusal| refusal.name).unwrap_or_default();
    // The name may follow a namespace and a number sign.
    let name = name.rsplit('#').next().filter(|name| is_name(name)).unwrap_or("an unknown error").to_owned();
    Err(GetError::Refused { status: status.as_u16(), name })
}

/// Whether this text can be logged as the name of an error.
fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, body: &str) -> GetError {
        parse(StatusCode::from_u16(status).expect("a status"), body.as_bytes()).expect_err("no secret")
    }

    #[test]
    fn a_secret_is_its_text() {
        let value = parse(StatusCode::OK, br#"{"Name": "key", "SecretString": "hush\n\u00e9"}"#);
        assert_eq!(value.expect("a secret").expose(), "hush\né");
        let binary = error(200, r#"{"Name": "key", "SecretBinary": "aHVzaA=="}"#);
        assert!(matches!(binary, GetError::NotText), "{binary}");
    }

    #[test]
    fn errors_have_their_name_and_say_what_to_do() {
        for (status, body, expected) in [
            (
                400,
                r#"{"__type":"ResourceNotFoundException","Message":"Secrets Manager can't find hush."}"#,
                "Secrets Manager: ResourceNotFoundException, status 400; expected the name or the ARN of a secret in this region",
            ),
            (
                400,
                r#"{"__type":"com.amazon.coral.service#AccessDeniedException"}"#,
                "Secrets Manager: AccessDeniedException, status 400; allow this function secretsmanager:GetSecretValue on the secret",
            ),
            (
                502,
                "<html>hush</html>",
                "Secrets Manager: an unknown error, status 502; see GetSecretValue in its API reference",
            ),
            (
                400,
                r#"{"__type":"a line\nof a log"}"#,
                "Secrets Manager: an unknown error, status 400; see GetSecretValue in its API reference",
            ),
        ] {
            assert_eq!(error(status, body).to_string(), expected);
        }
    }

    #[test]
    fn what_may_pass_is_retried() {
        let refused = |status, name: &str| GetError::Refused { status, name: name.to_owned() };
        for (error, may_pass) in [
            (GetError::Unreachable("cannot connect"), true),
            (refused(500, "InternalServiceError"), true),
            (refused(400, "ThrottlingException"), true),
            (refused(429, ""), true),
            (refused(400, "ResourceNotFoundException"), false),
            (GetError::NotText, false),
            (GetError::Unsigned, false),
        ] {
            assert_eq!(error.may_pass(), may_pass, "{error}");
        }
    }
}
