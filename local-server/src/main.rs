//! The heartbeat server: every route in one process, beside a PostgreSQL.
//!
//! - [`cli`]: the command line.
//! - [`run`]: the server from start to stop.
//! - [`listener`]: the TCP port or the Unix socket.
//! - [`limits`]: how many connections and viewers it takes.
//! - [`server`]: HTTP on each connection.
//! - [`tasks`]: what runs beside the requests.
//! - [`stream`]: the WebSockets of those who watch.
//! - [`embedded`]: the private PostgreSQL of `database.dsn = "embedded"`.
//! - `maintenance`: commands that do something to the database, and end (feature `migrate`).
//! - `progress`: what those show meanwhile.
//! - [`health`]: asking a running server whether it is well.

mod cli;
mod embedded;
mod health;
mod limits;
mod listener;
#[cfg(feature = "migrate")]
mod maintenance;
#[cfg(feature = "migrate")]
mod progress;
mod run;
mod server;
mod stream;
mod tasks;

use std::{io, num::NonZero, process::ExitCode, thread::available_parallelism};

use cli::{Action, Invocation};
use heartbeat_core::{Config, config::Environment, token::SecretKey};
use heartbeat_functions::logging;
use rand::{rand_core::UnwrapErr, rngs::SysRng};
use tokio::runtime::{Builder, Runtime};

/// With musl's own, a fifth fewer requests for `/stats` are answered than with glibc's: 33,000 a second against
/// 42,000, in turns on two processors, from 64 connections. With this one, 38,000; for most routes as many.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the exit code says about a mistake in the configuration or on the command line.
const BAD_CONFIGURATION: u8 = 2;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "talks to the one who started it")]
fn main() -> ExitCode {
    let invocation = match cli::parse(std::env::args_os()) {
        Ok(invocation) => invocation,
        Err(cli::Stop::Answer(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(cli::Stop::Mistake(line)) => {
            eprintln!("heartbeat: {line}");
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    if invocation.action == Action::GenKey {
        println!("{}", SecretKey::generate(&mut UnwrapErr(SysRng)).expose());
        return ExitCode::SUCCESS;
    }
    match prepare(&invocation) {
        Err(line) => {
            eprintln!("heartbeat: {line}");
            ExitCode::from(BAD_CONFIGURATION)
        }
        Ok(config) => match start(invocation.action, config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("heartbeat: {error}");
                ExitCode::FAILURE
            }
        },
    }
}

fn prepare(invocation: &Invocation) -> Result<Config, String> {
    let config = Config::load(&invocation.flags, &Environment::of_this_process())
        .map_err(|error| error.to_string())?;
    logging::start()?;
    Ok(config)
}

/// Threads for half of the processors: the other half is PostgreSQL's and the clients'. With more, threads
/// wake each other and take turns, which costs a viewer's frame a third more and gains nothing.
fn runtime() -> io::Result<Runtime> {
    let processors = available_parallelism().map_or(1, NonZero::get);
    Builder::new_multi_thread().worker_threads(processors.div_ceil(2)).enable_all().build()
}

fn start(action: Action, config: Config) -> Result<(), run::RunError> {
    let runtime = runtime().map_err(run::RunError::Runtime)?;
    let ended = match action {
        #[cfg(feature = "migrate")]
        Action::Migrate => runtime.block_on(maintenance::migrate(&config)),
        #[cfg(feature = "migrate")]
        Action::Export => runtime.block_on(maintenance::export(&config)),
        #[cfg(feature = "migrate")]
        Action::Import => runtime.block_on(maintenance::import(&config)),
        Action::Health => runtime.block_on(health::check(&config.bind)).map_err(run::RunError::Unhealthy),
        Action::Run | Action::GenKey => runtime.block_on(run::run(config)),
    };
    // A read of standard input cannot be interrupted, and is not to be waited for.
    runtime.shutdown_background();
    ended
}
