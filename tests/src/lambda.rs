//! A Lambda function as Lambda would run it: a process of its own that polls a Runtime API for events. The
//! Runtime API is a local one, on loopback.
//!
//! Source of the protocol: "Using the Lambda runtime API for custom runtimes", AWS Lambda developer guide.

use std::{
    process::Stdio,
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{
    Method,
    header::{HeaderMap, SET_COOKIE},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Map, Value, json};
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    sync::{Mutex, mpsc, watch},
    time::timeout,
};

use crate::{Database, client, server};

/// Functions that serve events, not HTTP requests.
pub const EVENT_FUNCTIONS: [&str; 6] =
    ["migrator", "minutely", "pusher", "stream_connect", "stream_default", "stream_disconnect"];

/// Timeout of an invocation.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Running Lambda function, killed when dropped.
#[derive(Debug)]
pub struct Function {
    events: mpsc::Sender<Value>,
    results: Mutex<mpsc::Receiver<Result<Value, String>>>,
    process: Child,
    log: Arc<std::sync::Mutex<String>>,
    log_lines: watch::Receiver<usize>,
    stage: String,
}

#[derive(Debug, Clone)]
struct RuntimeApi {
    invocation_timeout: Duration,
    events: Arc<Mutex<mpsc::Receiver<Value>>>,
    results: mpsc::Sender<Result<Value, String>>,
}

impl Function {
    /// Starts the function `name` on `database`, with additional environment variables.
    pub async fn start(name: &str, database: &Database, environment: &[(&str, &str)]) -> Self {
        Self::start_with_timeout(name, database, environment, Duration::from_mins(5)).await
    }

    /// Starts a function with a timeout of each invocation, from which Lambda computes the deadline.
    pub async fn start_with_timeout(
        name: &str,
        database: &Database,
        environment: &[(&str, &str)],
        invocation_timeout: Duration,
    ) -> Self {
        Self::start_program(&server::program_named(name), name, database, environment, invocation_timeout)
            .await
    }

    /// Starts a function from a given executable, such as an optimized build.
    pub async fn start_program(
        program: &std::path::Path,
        name: &str,
        database: &Database,
        environment: &[(&str, &str)],
        invocation_timeout: Duration,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let api_host = listener.local_addr().expect("a local address").to_string();
        let (events, queue) = mpsc::channel(1);
        let (sender, results) = mpsc::channel(1);
        let api = RuntimeApi { invocation_timeout, events: Arc::new(Mutex::new(queue)), results: sender };
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(error))
            .with_state(api);
        tokio::spawn(async move { axum::serve(listener.tap_io(server::set_nodelay), routes).await });

        let mut process = Command::new(program)
            .env_clear()
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", api_host.as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", name),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_REGION", "eu-central-1"),
                ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
                ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                ("AWS_SESSION_TOKEN", "a session"),
                ("PUSHER_FUNCTION", "the-pusher"),
                ("CLIENT_IP_KEY", "a key"),
                ("HEARTBEAT_HOME", "/tmp"),
                ("HEARTBEAT_DATABASE_DSN", &database.url()),
                ("HEARTBEAT_SECRET_KEY", server::SECRET_KEY),
            ])
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("a function's process");
        let (log, log_lines) = server::collect_log(process.stderr.take().expect("its log"));
        Self { events, results: Mutex::new(results), process, log, log_lines, stage: "$default".to_owned() }
    }

    /// Puts the function behind a named stage of API Gateway.
    #[must_use]
    pub fn behind_stage(mut self, stage: &str) -> Self {
        stage.clone_into(&mut self.stage);
        self
    }

    /// Log so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("the mutex is not poisoned").clone()
    }

    /// Waits until the process has failed by itself; returns its whole log.
    pub async fn failed(&mut self) -> String {
        let status = timeout(TEST_TIMEOUT, self.process.wait()).await.expect("an end in time");
        assert!(!status.expect("a status").success());
        while self.log_lines.changed().await.is_ok() {}
        self.log()
    }

    /// Stops the process, as Lambda does between two invocations.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Resumes the process.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let id = self.process.id().expect("a running function");
        let pid = Pid::from_raw(id.cast_signed()).expect("not zero");
        kill_process(pid, signal).expect("a running function");
    }

    /// Kills the process.
    pub async fn kill(&mut self) {
        self.process.kill().await.expect("a running function");
    }

    /// Invokes the function with an event of the WebSocket `connection`; returns the status of its response.
    pub async fn websocket_event(&self, event: &str, connection: &str) -> u64 {
        let mut event: Value = serde_json::from_str(event).expect("an event");
        event["requestContext"]["connectionId"] = json!(connection);
        let response = self.invoke(event).await.expect("a response, not an error");
        response["statusCode"].as_u64().expect("a status")
    }

    /// Invokes the function with an event; returns its result, or the error that it reports.
    pub async fn invoke(&self, event: Value) -> Result<Value, String> {
        self.events.send(event).await.expect("a Runtime API");
        let result = async { self.results.lock().await.recv().await.expect("a Runtime API") };
        let result = timeout(TEST_TIMEOUT, result).await;
        result.unwrap_or_else(|_| panic!("no result in time; the log:\n{}", self.log()))
    }

    /// Sends a request as API Gateway would: as an event of an HTTP API, payload format 2.0.
    pub async fn request(
        &self,
        method: &Method,
        path: &str,
        authorization: Option<&str>,
        body: &[u8],
    ) -> client::Response {
        let event = self.event(method, path, authorization, body);
        http_response(&self.invoke(event).await.expect("a response, not an error"))
    }

    fn event(&self, method: &Method, path: &str, authorization: Option<&str>, body: &[u8]) -> Value {
        let mut event: Value =
            serde_json::from_str(include_str!("../events/http_v2.json")).expect("an event");
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let raw_path =
            if self.stage == "$default" { path.to_owned() } else { format!("/{}{path}", self.stage) };
        event["rawPath"] = json!(raw_path);
        event["rawQueryString"] = json!(query);
        event["requestContext"]["stage"] = json!(self.stage);
        event["requestContext"]["http"]["path"] = json!(raw_path);
        event["requestContext"]["http"]["method"] = json!(method.as_str());
        event["headers"]["content-length"] = json!(body.len().to_string());
        if let Some(authorization) = authorization {
            event["headers"]["authorization"] = json!(authorization);
        }
        if !body.is_empty() {
            event["body"] = json!(BASE64_STANDARD.encode(body));
            event["isBase64Encoded"] = json!(true);
        }
        event
    }
}

/// Converts a function's result to the HTTP response that API Gateway would send.
fn http_response(response: &Value) -> client::Response {
    let body = response["body"].as_str().unwrap_or_default();
    let body = if response["isBase64Encoded"] == true {
        BASE64_STANDARD.decode(body).expect("base64")
    } else {
        body.as_bytes().to_owned()
    };
    let no_headers = Map::new();
    let headers = response["headers"].as_object().unwrap_or(&no_headers).iter().map(|(name, value)| {
        let value = HeaderValue::from_str(value.as_str().unwrap_or_default()).expect("a header");
        (HeaderName::try_from(name).expect("a name"), value)
    });
    let mut headers: HeaderMap = headers.collect();
    headers.remove(SET_COOKIE);
    let status = response["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
    client::Response::new(status.expect("a status"), headers, body)
}

async fn next(State(api): State<RuntimeApi>) -> Response {
    let Some(event) = api.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = unix_milliseconds(api.invocation_timeout).to_string();
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
        ("lambda-runtime-deadline-ms", deadline.as_str()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:123456789012:function:heartbeat",
        ),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"),
        ("content-type", "application/json"),
    ];
    (headers, event.to_string()).into_response()
}

#[expect(clippy::disallowed_methods, reason = "the functions read the same clock")]
fn unix_milliseconds(from_now: Duration) -> u128 {
    let then = SystemTime::now() + from_now;
    then.duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970").as_millis()
}

async fn response(State(api): State<RuntimeApi>, Path(_): Path<String>, body: Bytes) -> StatusCode {
    let result = serde_json::from_slice(&body).map_err(|error| error.to_string());
    pass_to_test(&api, result).await
}

async fn error(State(api): State<RuntimeApi>, body: Bytes) -> StatusCode {
    pass_to_test(&api, Err(String::from_utf8_lossy(&body).into_owned())).await
}

async fn pass_to_test(api: &RuntimeApi, result: Result<Value, String>) -> StatusCode {
    // The test may have ended.
    let _ = api.results.send(result).await;
    StatusCode::ACCEPTED
}
