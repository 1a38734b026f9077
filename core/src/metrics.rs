//! Metrics that only the memory of this process has, for Prometheus. They start at zero with the process.
//!
//! Metrics of the database are read when they are asked for: see [`database::metrics`](crate::database::metrics).

pub use prometheus::IntGauge;
use prometheus::{Histogram, HistogramOpts, IntCounterVec, Opts, Registry, core::Collector};

/// Upper bounds of the buckets of commits, in seconds: from a database on the same machine that keeps all in memory, to
/// the timeout of a batch.
const COMMIT_BUCKETS: [f64; 12] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0];

/// Metrics of this process. Clones share them.
#[derive(Debug, Clone)]
pub struct ProcessMetrics {
    registry: Registry,
    /// Duration of the commits of beats.
    pub commit_duration: Histogram,
    /// Attempts to send a message, by channel.
    pub notification_attempts: IntCounterVec,
    /// Attempts that the channel's service did not accept, by channel.
    pub notification_failures: IntCounterVec,
    /// Viewers of the stream that this process serves.
    pub viewers: IntGauge,
}

impl Default for ProcessMetrics {
    /// Returns metrics that are all zero.
    ///
    /// # Panics
    ///
    /// Never: the names and labels are legal.
    fn default() -> Self {
        let registry = Registry::new();
        let commit_duration = HistogramOpts::new(
            "heartbeat_commit_duration_seconds",
            process_help("Duration of statement and commit of beats that are recorded together."),
        );
        let commit_duration = Histogram::with_opts(commit_duration.buckets(COMMIT_BUCKETS.to_vec()));
        let counter = |name: &str, help: &str| {
            IntCounterVec::new(Opts::new(name, process_help(help)), &["channel"]).expect("legal names")
        };
        let attempts = counter("heartbeat_notification_attempts_total", "Attempts to send a notification.");
        let failures = counter(
            "heartbeat_notification_failures_total",
            "Attempts to send a notification that were not accepted.",
        );
        let viewers = IntGauge::new("heartbeat_viewers", process_help("Viewers of the stream."));
        Self {
            commit_duration: registered(&registry, commit_duration.expect("a legal name")),
            notification_attempts: registered(&registry, attempts),
            notification_failures: registered(&registry, failures),
            viewers: registered(&registry, viewers.expect("a legal name")),
            registry,
        }
    }
}

impl ProcessMetrics {
    /// Returns the registry of all of them, which others may add theirs to.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Has both counters of a channel begin at zero, so that its first failure is an increase.
    pub fn preset_channel(&self, channel: &str) {
        for counters in [&self.notification_attempts, &self.notification_failures] {
            counters.with_label_values(&[channel]);
        }
    }
}

/// Adds a metric to `registry` and returns it.
///
/// # Panics
///
/// If the registry has another metric of this name.
pub fn registered<M: Collector + Clone + 'static>(registry: &Registry, metric: M) -> M {
    registry.register(Box::new(metric.clone())).expect("a name of its own");
    metric
}

/// Returns the help of a metric that each process has for itself.
#[must_use]
pub fn process_help(help: &str) -> String {
    format!("{help} Of this process alone.")
}
