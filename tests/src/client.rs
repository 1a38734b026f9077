//! Requests to a server, and answers fit for a snapshot.

use std::fmt::Write;

use reqwest::{Method, header::HeaderMap};
use serde_json::Value;

/// An HTTP client that goes straight to where it is sent. The library wants to be told which TLS to use
/// even where none is.
pub fn http() -> reqwest::ClientBuilder {
    // It fails if another test has said so before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy()
}

/// An HTTP client of one server.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    http: reqwest::Client,
    authorization: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
    /// The body as it came.
    pub bytes: Vec<u8>,
}

impl Client {
    /// Returns a client without credentials, for the server at `base`.
    pub fn new(base: &str) -> Self {
        Self::with(base, http())
    }

    /// Returns a client with a particular way to connect.
    pub fn with(base: &str, builder: reqwest::ClientBuilder) -> Self {
        let http = builder.build().expect("a client");
        Self { base: base.to_owned(), http, authorization: None }
    }

    /// The same, with a value of the `Authorization` header.
    #[must_use]
    pub fn authorized(&self, authorization: &str) -> Self {
        Self { authorization: Some(authorization.to_owned()), ..self.clone() }
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, Vec::new()).await
    }

    /// `POST`.
    pub async fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.send(Method::POST, path, body.into()).await
    }

    /// Any method.
    pub async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> Answer {
        self.try_send(method, path, body).await.expect("an answer")
    }

    /// Any method, where the connection may break.
    pub async fn try_send(&self, method: Method, path: &str, body: Vec<u8>) -> reqwest::Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).body(body);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer::new(status, headers, response.bytes().await?.into()))
    }

    /// The figures.
    pub async fn stats(&self) -> Value {
        let answer = self.get("/api/stats").await;
        assert_eq!(answer.status, 200, "{answer}");
        answer.json()
    }

    /// Registers a device as the owner; returns its id and its token.
    pub async fn register(&self, name: &str) -> (i64, String) {
        let answer = self.post("/api/devices", serde_json::json!({ "name": name }).to_string()).await;
        assert_eq!(answer.status, 200, "{answer}");
        let device = answer.json();
        (device["id"].as_i64().expect("an id"), device["token"].as_str().expect("a token").to_owned())
    }

    /// Beats, which must succeed; returns the time that was recorded.
    pub async fn beat(&self) -> i64 {
        let answer = self.post("/api/beat", "").await;
        assert_eq!(answer.status, 200, "{answer}");
        answer.body.parse().expect("digits")
    }
}

impl Answer {
    /// What came back.
    pub fn new(status: u16, headers: HeaderMap, bytes: Vec<u8>) -> Self {
        Self { status, headers, body: String::from_utf8_lossy(&bytes).into_owned(), bytes }
    }

    /// A header, or an empty text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// The status, the headers that the contract speaks of, and the body.
impl std::fmt::Display for Answer {
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
