//! HTTP client of a server, with responses fit for a snapshot.

use std::fmt::Write;

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{Method, header::HeaderMap};
use serde_json::Value;

/// Returns a builder of HTTP clients that use no proxy and trust no certificate. It installs a TLS provider, which reqwest
/// requires even for plain HTTP. Reading the certificates of the system would take longer than most requests.
pub fn http() -> reqwest::ClientBuilder {
    // Fails if another test has installed one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().tls_certs_only([])
}

/// HTTP client of one server.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    http: reqwest::Client,
    authorization: Option<String>,
}

/// Response with its body.
#[derive(Debug)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body as text.
    pub body: String,
    /// Raw body.
    pub bytes: Vec<u8>,
}

impl Client {
    /// Returns a client without credentials, for the server at `base`.
    pub fn new(base: &str) -> Self {
        Self::with(base, http())
    }

    /// Returns a client with a custom transport, such as a Unix socket.
    pub fn with(base: &str, builder: reqwest::ClientBuilder) -> Self {
        let http = builder.build().expect("a client");
        Self { base: base.to_owned(), http, authorization: None }
    }

    /// Returns the same client with a value of the `Authorization` header.
    #[must_use]
    pub fn authorized(&self, authorization: &str) -> Self {
        Self { authorization: Some(authorization.to_owned()), ..self.clone() }
    }

    /// Returns the same client with an editor key or a token, sent as WakaTime's clients send it.
    #[must_use]
    pub fn editor(&self, key: &str) -> Self {
        self.authorized(&format!("Basic {}", BASE64_STANDARD.encode(key)))
    }

    /// Sends a `GET` request.
    pub async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, Vec::new()).await
    }

    /// Sends a `POST` request.
    pub async fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> Response {
        self.send(Method::POST, path, body.into()).await
    }

    /// Sends a request with any method.
    pub async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> Response {
        self.try_send(method, path, body).await.expect("a response")
    }

    /// Sends a request; returns an error if the connection breaks.
    pub async fn try_send(&self, method: Method, path: &str, body: Vec<u8>) -> reqwest::Result<Response> {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).body(body);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Response::new(status, headers, response.bytes().await?.into()))
    }

    /// Returns the stats.
    pub async fn stats(&self) -> Value {
        let response = self.get("/api/stats").await;
        assert_eq!(response.status, 200, "{response}");
        response.json()
    }

    /// Registers a device as the owner; returns its id and its token.
    pub async fn register(&self, name: &str) -> (i64, String) {
        let response = self.post("/api/devices", serde_json::json!({ "name": name }).to_string()).await;
        assert_eq!(response.status, 200, "{response}");
        let device = response.json();
        (device["id"].as_i64().expect("an id"), device["token"].as_str().expect("a token").to_owned())
    }

    /// Gives a device an editor key as the owner; returns the key.
    pub async fn editor_key(&self, id: i64) -> String {
        let response = self.post(&format!("/api/devices/{id}/editor-key"), "").await;
        assert_eq!(response.status, 201, "{response}");
        response.json()["key"].as_str().expect("a key").to_owned()
    }

    /// Makes a pairing code for a device as the owner; returns it as it is shown.
    pub async fn pairing_code(&self, id: i64) -> String {
        let response = self.post(&format!("/api/devices/{id}/pairing"), "").await;
        assert_eq!(response.status, 201, "{response}");
        response.json()["code"].as_str().expect("a code").to_owned()
    }

    /// Tries a pairing code.
    pub async fn redeem(&self, code: &str) -> Response {
        self.post("/api/pair", serde_json::json!({ "code": code }).to_string()).await
    }

    /// Redeems a pairing code, which must succeed; returns the token.
    pub async fn pair(&self, code: &str) -> String {
        let response = self.redeem(code).await;
        assert_eq!(response.status, 200, "{response}");
        response.json()["token"].as_str().expect("a token").to_owned()
    }

    /// Sends a beat, which must succeed; returns the recorded Unix time.
    pub async fn beat(&self) -> i64 {
        let response = self.post("/api/beat", "").await;
        assert_eq!(response.status, 200, "{response}");
        response.body.parse().expect("digits")
    }
}

impl Response {
    /// Returns a response of these parts.
    pub fn new(status: u16, headers: HeaderMap, bytes: Vec<u8>) -> Self {
        Self { status, headers, body: String::from_utf8_lossy(&bytes).into_owned(), bytes }
    }

    /// Value of a header, empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// Shows the status, the headers that clients depend on, and the body.
impl std::fmt::Display for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = format!("{}\n", self.status);
        for name in ["content-type", "allow", "www-authenticate", "retry-after", "cache-control"] {
            if let Some(value) = self.headers.get(name) {
                writeln!(text, "{name}: {}", value.to_str().unwrap_or("?"))?;
            }
        }
        write!(f, "{text}\n{}", self.body)
    }
}
