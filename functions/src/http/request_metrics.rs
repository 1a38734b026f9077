//! Metrics of requests. The cardinality of their labels is bounded: templates of routes, known methods, codes.

use std::time::Duration;

use axum::{
    extract::MatchedPath,
    http::{Method, StatusCode},
};
use heartbeat_core::metrics::{process_help, registered};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

/// Upper bounds of the buckets of requests, in seconds: from an answer out of memory, to one that waits for a database that
/// hangs.
const BUCKETS: [f64; 12] = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 5.0];

/// Label of requests that no route or no known method has.
const OTHER: &str = "other";

/// Metrics of the requests to this process.
#[derive(Debug)]
pub(crate) struct RequestMetrics {
    requests: IntCounterVec,
    durations: HistogramVec,
}

impl RequestMetrics {
    /// Adds the metrics to `registry`.
    pub(crate) fn new(registry: &Registry) -> Self {
        let requests = Opts::new(
            "heartbeat_http_requests_total",
            process_help("Requests, by the template of their route."),
        );
        let requests = IntCounterVec::new(requests, &["route", "method", "code"]).expect("legal names");
        let durations = HistogramOpts::new(
            "heartbeat_http_request_duration_seconds",
            process_help("Time from the head of a request to the head of its response."),
        );
        let durations = HistogramVec::new(durations.buckets(BUCKETS.to_vec()), &["route"]);
        Self {
            requests: registered(registry, requests),
            durations: registered(registry, durations.expect("legal names")),
        }
    }

    /// Counts a request that was answered. A lookup by a hash of the labels, without an allocation.
    pub(crate) fn observe(
        &self,
        method: &Method,
        path: Option<&MatchedPath>,
        status: StatusCode,
        duration: Duration,
    ) {
        let route = path.map_or(OTHER, MatchedPath::as_str);
        self.requests.with_label_values(&[route, method_label(method), status.as_str()]).inc();
        self.durations.with_label_values(&[route]).observe(duration.as_secs_f64());
    }
}

/// Returns the label of a method, which a stranger may have made up.
pub(super) fn method_label(method: &Method) -> &str {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::PATCH
        | Method::DELETE
        | Method::OPTIONS => method.as_str(),
        _ => OTHER,
    }
}
