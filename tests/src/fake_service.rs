//! A stand-in for a service over HTTP: answers by its rules, or as services do on their bad days, and keeps what it took.

use std::{
    convert::Infallible,
    iter::repeat_with,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use futures_util::stream::iter;
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    time::timeout,
};

/// Timeout of a request.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// A request to the service.
#[derive(Debug, Clone)]
pub struct ServiceRequest {
    /// Path.
    pub path: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body; `null` if it is not JSON.
    pub body: Value,
}

/// What a service does on a bad day, with every request.
#[derive(Debug, Clone)]
pub enum BadDay {
    /// Answers with a status, a content type and a body.
    Answers(u16, &'static str, String),
    /// Redirects to a URL.
    Redirects(String),
    /// Answers with a body that never ends.
    NeverEnds,
    /// Never answers.
    Hangs,
}

/// The rules of a service: status and JSON for a request.
pub type Rules = Arc<dyn Fn(&ServiceRequest) -> (u16, Value) + Send + Sync>;

/// A running service.
#[derive(Debug)]
pub struct FakeService {
    /// URL of its root.
    pub url: String,
    taken: mpsc::UnboundedReceiver<ServiceRequest>,
    bad_day: watch::Sender<Option<BadDay>>,
    attempts: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Shared {
    rules: Rules,
    taken: mpsc::UnboundedSender<ServiceRequest>,
    bad_day: watch::Sender<Option<BadDay>>,
    attempts: Arc<AtomicUsize>,
}

impl FakeService {
    /// Starts a service with these rules on a free port.
    pub async fn start(rules: Rules) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("a local address").port();
        let (sender, taken) = mpsc::unbounded_channel();
        let (bad_day, attempts) = (watch::Sender::new(None), Arc::default());
        let shared =
            Shared { rules, taken: sender, bad_day: bad_day.clone(), attempts: Arc::clone(&attempts) };
        let routes = Router::new().fallback(answer).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url: format!("http://127.0.0.1:{port}"), taken, bad_day, attempts }
    }

    /// Begins a bad day, or ends it.
    pub fn change(&self, bad_day: Option<BadDay>) {
        self.bad_day.send_replace(bad_day);
    }

    /// Number of requests, taken or not.
    pub fn attempts(&self) -> usize {
        self.attempts.load(Ordering::Relaxed)
    }

    /// Waits for the next request to a path with this end that was answered with 200.
    pub async fn taken(&mut self, path: &str) -> ServiceRequest {
        loop {
            let next = timeout(TEST_TIMEOUT, self.taken.recv()).await;
            let request = next.expect("a request in time").expect("a service");
            if request.path.ends_with(path) {
                return request;
            }
        }
    }
}

async fn answer(State(service): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    service.attempts.fetch_add(1, Ordering::Relaxed);
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let request = ServiceRequest { path: uri.path().to_owned(), headers, body };
    let bad_day = service.bad_day.borrow().clone();
    match bad_day {
        Some(BadDay::Answers(status, kind, body)) => {
            (status_of(status), [("content-type", kind)], body).into_response()
        }
        Some(BadDay::Redirects(url)) => (StatusCode::TEMPORARY_REDIRECT, [("location", url)]).into_response(),
        Some(BadDay::NeverEnds) => {
            let zeros = repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[b'0'; 4096])));
            Body::from_stream(iter(zeros)).into_response()
        }
        Some(BadDay::Hangs) => std::future::pending().await,
        None => {
            let (status, answer) = (service.rules)(&request);
            if status == 200 {
                // The test may have ended.
                let _ = service.taken.send(request);
            }
            (status_of(status), axum::Json(answer)).into_response()
        }
    }
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).expect("a status")
}
