//! The agent: beats at a Heartbeat server once a minute while this device is used. It knows the server's HTTP
//! contract, and nothing else of it.
//!
//! - [`cli`]: the command line; [`commands`]: what each command does; [`exit`]: errors and exit codes.
//! - [`rule`]: when to beat, a pure rule; [`reason`]: why, in sentences.
//! - [`sources`]: when the last input came; [`session`]: whether the screen is locked or the machine sleeps.
//! - [`beat`]: the request; [`transport`]: over TCP or a Unix socket (`unix_socket`); [`server_url`] and [`token`]: where and as whom.
//! - [`dbus`]: connections to D-Bus (Linux).
//! - [`config`]: the configuration file; [`pause`]: the pause; [`report`]: what `status` shows; [`lock`]: that
//!   one agent runs; [`paths`] and [`files`]: where
//!   they are, and that others cannot read them.
//! - [`autostart`]: starting with the session.
//! - [`clock`]: time awake, asleep and on the wall; [`wake`]: how sources wake the agent; [`log`]: what it prints.

mod autostart;
mod beat;
mod cli;
mod clock;
mod commands;
mod config;
#[cfg(target_os = "linux")]
mod dbus;
mod exit;
mod files;
mod lock;
mod log;
mod paths;
mod pause;
mod reason;
mod report;
mod rule;
mod server_url;
mod session;
mod sources;
mod token;
mod transport;
#[cfg(unix)]
mod unix_socket;
mod wake;

use std::process::ExitCode;

/// Exit code for an error on the command line.
const USAGE_ERROR_EXIT_CODE: u8 = 2;

fn main() -> ExitCode {
    let action = match cli::parse(std::env::args_os()) {
        Ok(action) => action,
        Err(cli::EarlyExit::Output(text)) => {
            log::print(text.trim_end());
            return ExitCode::SUCCESS;
        }
        Err(cli::EarlyExit::UsageError(text)) => {
            log::error(text.trim_end().trim_start_matches("error: "));
            return ExitCode::from(USAGE_ERROR_EXIT_CODE);
        }
    };
    match commands::execute(action) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            log::error(&failure.to_string());
            ExitCode::from(&failure)
        }
    }
}
