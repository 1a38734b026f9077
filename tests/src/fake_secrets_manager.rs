//! A stand-in for AWS Secrets Manager. It answers requests that are signed with the credentials of the function, and counts
//! how often each secret is read.
//!
//! Source: "`GetSecretValue`" in the API reference of AWS Secrets Manager.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::signature::{self, Expected};

/// Credentials that Lambda would give the function: those of AWS's own examples.
const CREDENTIALS: Expected = Expected {
    key_id: "AKIDEXAMPLE",
    secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    scope: "eu-central-1/secretsmanager/aws4_request",
    signed: &["content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"],
};

/// Secrets Manager of one account, on a free port.
#[derive(Debug)]
pub struct FakeSecretsManager {
    port: u16,
    state: Account,
}

#[derive(Debug, Clone, Default)]
struct Account(Arc<Mutex<Secrets>>);

#[derive(Debug, Default)]
struct Secrets {
    texts: BTreeMap<String, String>,
    reads: BTreeMap<String, usize>,
    failures: usize,
}

impl FakeSecretsManager {
    /// Starts a manager of secrets, each with its name and its text.
    pub async fn start(secrets: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("a local address").port();
        let state = Account::default();
        let routes = Router::new().route("/", post(get_secret_value)).with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let manager = Self { port, state };
        for (name, text) in secrets {
            manager.put(name, text);
        }
        manager
    }

    /// Changes the text of a secret.
    pub fn put(&self, name: &str, text: &str) {
        self.state.lock().texts.insert(name.to_owned(), text.to_owned());
    }

    /// Fails the next request as AWS does on its bad days.
    pub fn fail_once(&self) {
        self.state.lock().failures = 1;
    }

    /// Number of requests for a secret, failed ones included.
    pub fn reads(&self, name: &str) -> usize {
        self.state.lock().reads.get(name).copied().unwrap_or_default()
    }

    /// Port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// URL of its endpoint.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// Environment of a function that has its secrets from the manager at `url`, and nothing of the configuration itself.
pub fn environment(url: &str) -> Vec<(&str, &str)> {
    vec![
        ("AWS_ACCESS_KEY_ID", CREDENTIALS.key_id),
        ("AWS_SECRET_ACCESS_KEY", CREDENTIALS.secret_key),
        ("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2Vj//////////wEXAMPLE=="),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", url),
        ("HEARTBEAT_DATABASE_DSN", ""),
        ("HEARTBEAT_SECRET_KEY", ""),
    ]
}

impl Account {
    fn lock(&self) -> MutexGuard<'_, Secrets> {
        self.0.lock().expect("the mutex is not poisoned")
    }
}

async fn get_secret_value(State(account): State<Account>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(problem) = signature::verify(&CREDENTIALS, &headers, &body) {
        return error(StatusCode::BAD_REQUEST, "InvalidSignatureException", &problem);
    }
    if headers["x-amz-target"] != "secretsmanager.GetSecretValue" {
        return error(StatusCode::BAD_REQUEST, "UnknownOperationException", "");
    }
    let request: Value = serde_json::from_slice(&body).expect("JSON");
    let name = request["SecretId"].as_str().expect("the name of a secret").to_owned();
    let mut secrets = account.lock();
    *secrets.reads.entry(name.clone()).or_default() += 1;
    if secrets.failures > 0 {
        secrets.failures -= 1;
        return error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceError", "");
    }
    match secrets.texts.get(&name) {
        Some(text) => Json(json!({ "Name": name, "SecretString": text })).into_response(),
        None => error(StatusCode::BAD_REQUEST, "ResourceNotFoundException", "Secrets Manager can't find it."),
    }
}

fn error(status: StatusCode, name: &str, message: &str) -> Response {
    (status, Json(json!({ "__type": name, "Message": message }))).into_response()
}
