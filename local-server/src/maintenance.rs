//! Commands that work on the database and exit: `migrate`, `export`, `import`, `demo`.

use std::io::{self, IsTerminal};

use heartbeat_core::{
    Config,
    config::Database,
    database::{
        Target,
        dump::{self, Count},
        migrate,
    },
    demo,
    humanize::grouped,
};
use rand::{rand_core::UnwrapErr, rngs::SysRng};
use tokio::{
    io::{BufReader, stdin, stdout},
    time::Instant,
};

use crate::{
    embedded,
    progress::Display,
    run::{self, RunError, SHUTDOWN_TIMEOUT, Signals},
};

/// Size of the buffer for standard input, in bytes.
const INPUT_BUFFER_CAPACITY: usize = 1 << 16;

/// Applies missing migrations, after the legacy import if the database holds a legacy schema.
#[expect(clippy::print_stdout, reason = "output of a command-line program")]
pub(crate) async fn migrate(config: &Config) -> Result<(), RunError> {
    let migrated =
        with_database(config, async |database| Ok(migrate::migrate(&database, &mut Display::new()).await?))
            .await?;
    if let Some(imported) = migrated.legacy_import {
        let (devices, beats) = (grouped(imported.devices), grouped(imported.beats));
        println!("Moved in from an earlier Heartbeat, with all tokens: devices: {devices}, beats: {beats}.");
    }
    match migrated.migrations {
        0 => println!("The database is up to date."),
        1 => println!("The database is up to date: 1 migration was applied."),
        applied => println!("The database is up to date: {applied} migrations were applied."),
    }
    Ok(())
}

/// Writes a dump of the database to standard output.
pub(crate) async fn export(config: &Config) -> Result<(), RunError> {
    let count = with_database(config, async |database| {
        dump::export(&database, stdout(), &mut Display::new()).await.map_err(RunError::Export)
    })
    .await?;
    report("Exported", count);
    Ok(())
}

/// Reads a dump from standard input into an empty database.
pub(crate) async fn import(config: &Config) -> Result<(), RunError> {
    if io::stdin().is_terminal() {
        let problem = io::Error::other("expected an export on standard input: heartbeat import < FILE");
        return Err(RunError::Import(problem.into()));
    }
    let count = with_database(config, async |database| {
        let input = BufReader::with_capacity(INPUT_BUFFER_CAPACITY, stdin());
        dump::import(&database, input, &mut Display::new()).await.map_err(RunError::Import)
    })
    .await?;
    report("Imported", count);
    Ok(())
}

/// Fills an empty database with invented beats, and says how to look at them. A private database is set up if there is none.
#[expect(clippy::print_stdout, reason = "output of a command-line program")]
pub(crate) async fn demo(config: &Config) -> Result<(), RunError> {
    let timezone = config.timezone.clone().unwrap_or_default();
    let rng = &mut UnwrapErr(SysRng);
    let count = with_any_database(config, async |database| {
        dump::fill_with_demo(&database, &timezone, rng, &mut Display::new()).await.map_err(RunError::Demo)
    })
    .await?;
    let (beats, names) = (grouped(count.beats), demo::Device::ALL.map(demo::Device::name).join(", "));
    println!(
        "Invented two years of {names}, in {}, with {beats} beats. None of it is real.",
        timezone.name()
    );
    println!();
    println!("Start the server with the same configuration, and look at {}.", config.live_url);
    println!("Strangers see whole days there; with --history full, hours, too.");
    println!("The devices beat no more until heartbeat devices token NAME gives them a token.");
    println!("For beats of your own, take another empty database.");
    Ok(())
}

/// Prints the counts to standard error, since standard output may be the dump.
#[expect(clippy::print_stderr, reason = "output of a command-line program")]
fn report(action: &str, count: Count) {
    eprintln!("{action}: devices: {}, beats: {}.", grouped(count.devices), grouped(count.beats));
}

/// Runs `work` on the configured database as [`with_any_database`] does. If it is the embedded one, a server has to have set it
/// up.
async fn with_database<T>(
    config: &Config,
    work: impl AsyncFnOnce(Target) -> Result<T, RunError>,
) -> Result<T, RunError> {
    if matches!(config.database, Database::Embedded) {
        let is_named = std::env::var_os("HEARTBEAT_HOME").is_some_and(|home| !home.is_empty());
        embedded::require_data(&config.home, is_named)?;
    }
    with_any_database(config, work).await
}

/// Runs `work` on the configured database, which is started and stopped here if it is the embedded one. A signal
/// interrupts it, and the open transaction is rolled back.
async fn with_any_database<T>(
    config: &Config,
    work: impl AsyncFnOnce(Target) -> Result<T, RunError>,
) -> Result<T, RunError> {
    let mut signals = Signals::new().map_err(RunError::Runtime)?;
    let (target, embedded) = tokio::select! {
        database = run::database(config) => database?,
        () = signals.next() => return Err(RunError::Interrupted),
    };
    let result = tokio::select! {
        result = work(target) => result,
        () = signals.next() => Err(RunError::Interrupted),
    };
    if let Some(embedded) = embedded {
        embedded.stop(Instant::now() + SHUTDOWN_TIMEOUT).await;
    }
    result
}
