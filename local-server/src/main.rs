//! The heartbeat server: every route in one process, beside a PostgreSQL.
//!
//! - [`run`]: the server from start to graceful shutdown.
//! - [`listener`]: listening sockets, TCP or Unix.
//! - [`admission`]: which connections get a place, and which make room.
//! - [`limits`]: limits on simultaneous connections and viewers.
//! - [`server`]: HTTP on each connection.
//! - [`tasks`]: background tasks.
//! - [`stream`]: the WebSockets of viewers.
//! - [`embedded`]: the private PostgreSQL of `database.dsn = "embedded"`.
//! - `maintenance`: commands that work on the database and exit (feature `migrate`).
//! - `progress`: the progress display of those commands (feature `migrate`).
//! - [`client`]: requests to the running server of this configuration.
//! - [`health`]: the health check of a running server.
//! - [`owner`]: the commands of the owner.
//!
//! The command line is in a library beside this program.

mod admission;
mod client;
mod embedded;
mod health;
mod limits;
mod listener;
#[cfg(feature = "migrate")]
mod maintenance;
mod owner;
#[cfg(feature = "migrate")]
mod progress;
mod run;
mod server;
mod stream;
mod tasks;

use std::{io, num::NonZero, process::ExitCode, thread::available_parallelism};

use heartbeat_core::{Config, config::Environment, token::SecretKey};
use heartbeat_functions::logging;
use heartbeat_local_server::cli::{self, Action, Invocation};
use rand::{rand_core::UnwrapErr, rngs::SysRng};
use tokio::runtime::{Builder, Runtime};

/// Global allocator under musl. With musl's own, the server answers a fifth fewer requests for `/stats` than with
/// glibc's: 33,000 a second against 42,000, measured in turns on two processors, with 64 connections. With this one
/// it answers 38,000, and as many as with glibc's on most other routes.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit code for an error in the configuration or on the command line.
const CONFIG_ERROR_EXIT_CODE: u8 = 2;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "output of a command-line program")]
fn main() -> ExitCode {
    let invocation = match cli::parse(std::env::args_os()) {
        Ok(invocation) => invocation,
        Err(cli::EarlyExit::Output(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(cli::EarlyExit::UsageError(line)) => {
            eprintln!("heartbeat: {line}");
            return ExitCode::from(CONFIG_ERROR_EXIT_CODE);
        }
    };
    if invocation.action == Action::GenKey {
        println!("{}", SecretKey::generate(&mut UnwrapErr(SysRng)).expose());
        return ExitCode::SUCCESS;
    }
    match prepare(&invocation) {
        Err(line) => {
            eprintln!("heartbeat: {line}");
            ExitCode::from(CONFIG_ERROR_EXIT_CODE)
        }
        Ok(config) => match execute(invocation.action, config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("heartbeat: {error}");
                ExitCode::FAILURE
            }
        },
    }
}

fn prepare(invocation: &Invocation) -> Result<Config, String> {
    // First, since a setting may be worth a warning.
    logging::start()?;
    Config::load(&invocation.flags, &Environment::of_this_process()).map_err(|error| error.to_string())
}

/// Builds a runtime with threads for half of the processors. PostgreSQL and the clients need the other half: more
/// threads wake each other and take turns, which makes a viewer's frame cost a third more and gains nothing.
fn runtime() -> io::Result<Runtime> {
    let processors = available_parallelism().map_or(1, NonZero::get);
    Builder::new_multi_thread().worker_threads(processors.div_ceil(2)).enable_all().build()
}

/// Runs one command to its end.
fn execute(action: Action, config: Config) -> Result<(), run::RunError> {
    let runtime = runtime().map_err(run::RunError::Runtime)?;
    let result = match action {
        #[cfg(feature = "migrate")]
        Action::Migrate => runtime.block_on(maintenance::migrate(&config)),
        #[cfg(feature = "migrate")]
        Action::Export => runtime.block_on(maintenance::export(&config)),
        #[cfg(feature = "migrate")]
        Action::Import => runtime.block_on(maintenance::import(&config)),
        #[cfg(feature = "migrate")]
        Action::Demo => runtime.block_on(maintenance::demo(&config)),
        Action::Health => runtime.block_on(health::check(&config.bind)).map_err(run::RunError::Unhealthy),
        Action::Owner { command, json } => {
            runtime.block_on(owner::run(&config, command, json)).map_err(run::RunError::Owner)
        }
        Action::Run | Action::GenKey => runtime.block_on(run::run(config)),
    };
    // A blocking read of standard input cannot be canceled, and must not delay the exit.
    runtime.shutdown_background();
    result
}
