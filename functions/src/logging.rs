//! Format and filter of the log. No line holds a token, a key, a password or an IP address.

use std::io::{self, IsTerminal};

use tracing::{Level, Metadata};
use tracing_subscriber::{
    Layer, Registry,
    filter::{FilterExt, Targets, filter_fn},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Filter without `RUST_LOG`. It leaves out PostgreSQL's notices of skipped statements, which are part of every
/// migration.
const DEFAULT_FILTER: &str = if cfg!(debug_assertions) {
    "debug,sqlx::postgres::notice=warn"
} else {
    "info,sqlx::postgres::notice=warn"
};

/// Prefix of our own targets. No line of ours holds a secret at any level.
const OUR_TARGETS: &str = "heartbeat";

/// Most detailed level of libraries; no `RUST_LOG` overrides it. Below it they log what they handle: requests and events
/// with their tokens and IP addresses, statements with their values.
const LIBRARIES_MAX_LEVEL: Level = Level::INFO;

/// Starts logging to standard error, filtered by `RUST_LOG`: as JSON on Lambda, where CloudWatch indexes the fields,
/// and as text elsewhere. Returns a message for the user if the filter is invalid.
pub fn start() -> Result<(), String> {
    let filter = env_var("RUST_LOG");
    let filter: Targets = filter.as_deref().unwrap_or(DEFAULT_FILTER).parse().map_err(|error| {
        format!("RUST_LOG (environment variable): expected a filter such as info: {error}")
    })?;
    let filter = filter.and(filter_fn(may_be_logged));
    let layer = fmt::layer().with_writer(io::stderr);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = if env_var("AWS_LAMBDA_FUNCTION_NAME").is_some() {
        // The span of an invocation holds its request id; CloudWatch adds the time.
        layer.json().with_current_span(true).with_span_list(false).without_time().boxed()
    } else {
        layer.with_ansi(io::stderr().is_terminal() && env_var("NO_COLOR").is_none()).boxed()
    };
    tracing_subscriber::registry().with(layer.with_filter(filter)).init();
    Ok(())
}

fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with(OUR_TARGETS) || *metadata.level() <= LIBRARIES_MAX_LEVEL
}

/// Returns an environment variable. An empty one counts as unset.
fn env_var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
