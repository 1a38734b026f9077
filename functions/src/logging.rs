//! Where log lines go, and which of them. No line holds a token, a key, a password or an address.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// What is logged when `RUST_LOG` does not say.
const DEFAULT_FILTER: &str = if cfg!(debug_assertions) { "debug" } else { "info" };

/// Sends log lines to standard error, filtered by `RUST_LOG`. Fails on a filter that cannot be
/// read, with a line that says so.
pub fn start() -> Result<(), String> {
    let filter = std::env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty());
    let filter = EnvFilter::try_new(filter.as_deref().unwrap_or(DEFAULT_FILTER)).map_err(|error| {
        format!("RUST_LOG (environment variable): expected a filter such as info: {error}")
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty()))
        .init();
    Ok(())
}
