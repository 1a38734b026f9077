//! Where log lines go, and which of them. No line holds a token, a key, a password or an address.

use std::io::{self, IsTerminal};

use tracing_subscriber::{
    Layer, Registry, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

/// What is logged when `RUST_LOG` does not say: all but PostgreSQL's remarks on what it skipped, which
/// are part of every migration.
const DEFAULT_FILTER: &str = if cfg!(debug_assertions) {
    "debug,sqlx::postgres::notice=warn"
} else {
    "info,sqlx::postgres::notice=warn"
};

/// Libraries whose details hold addresses of other machines, and perhaps more. No filter brings them out.
const PRIVATE_TARGETS: &str = "hyper=warn,hyper_util=warn,reqwest=warn";

/// Sends log lines to standard error, filtered by `RUST_LOG`: as JSON on Lambda, where machines read
/// them, for people elsewhere. Fails on a filter that cannot be read, with a line that says so.
pub fn start() -> Result<(), String> {
    let filter = variable("RUST_LOG");
    let filter = format!("{},{PRIVATE_TARGETS}", filter.as_deref().unwrap_or(DEFAULT_FILTER));
    let filter: Targets = filter.parse().map_err(|error| {
        format!("RUST_LOG (environment variable): expected a filter such as info: {error}")
    })?;
    let lines = fmt::layer().with_writer(io::stderr);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = if variable("AWS_LAMBDA_FUNCTION_NAME").is_some() {
        // The span of an invocation holds its request id; CloudWatch adds the time.
        lines.json().with_current_span(true).with_span_list(false).without_time().boxed()
    } else {
        lines.with_ansi(io::stderr().is_terminal() && variable("NO_COLOR").is_none()).boxed()
    };
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
    Ok(())
}

/// An environment variable; an empty one counts as unset.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
