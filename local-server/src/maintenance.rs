//! Commands that do something to the database, and end: `migrate`, `export`, `import`.

use std::io::{self, IsTerminal};

use heartbeat_core::{
    Config,
    database::{
        dump::{self, Count},
        migrate,
    },
    humanize::grouped,
};
use sqlx::postgres::PgConnectOptions;
use tokio::{
    io::{BufReader, stdin, stdout},
    time::Instant,
};

use crate::{
    progress::Display,
    run::{self, RunError, SHUTDOWN_TIMEOUT, Signals},
};

/// Bytes that are read from standard input at once.
const INPUT_BUFFER: usize = 1 << 16;

/// Brings the tables up to date.
#[expect(clippy::print_stdout, reason = "talks to the one who started it")]
pub(crate) async fn migrate(config: &Config) -> Result<(), RunError> {
    let migrated =
        on_database(config, async |database| Ok(migrate::migrate(&database, &mut Display::new()).await?))
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

/// Writes everything in the database to standard output.
pub(crate) async fn export(config: &Config) -> Result<(), RunError> {
    let count = on_database(config, async |database| {
        dump::export(&database, stdout(), &mut Display::new()).await.map_err(RunError::Export)
    })
    .await?;
    report("Exported", count);
    Ok(())
}

/// Reads an export from standard input into an empty database.
pub(crate) async fn import(config: &Config) -> Result<(), RunError> {
    if io::stdin().is_terminal() {
        let problem = io::Error::other("expected an export on standard input: heartbeat import < FILE");
        return Err(RunError::Import(problem.into()));
    }
    let count = on_database(config, async |database| {
        let input = BufReader::with_capacity(INPUT_BUFFER, stdin());
        dump::import(&database, input, &mut Display::new()).await.map_err(RunError::Import)
    })
    .await?;
    report("Imported", count);
    Ok(())
}

/// Says on standard error, as standard output may be the export, what was moved.
#[expect(clippy::print_stderr, reason = "talks to the one who started it")]
fn report(done: &str, count: Count) {
    eprintln!("{done}: devices: {}, beats: {}.", grouped(count.devices), grouped(count.beats));
}

/// Does `work` on the database of this configuration, starting and stopping it if it is the embedded one. A
/// signal interrupts; whatever is under way then is rolled back.
async fn on_database<T>(
    config: &Config,
    work: impl AsyncFnOnce(PgConnectOptions) -> Result<T, RunError>,
) -> Result<T, RunError> {
    let mut signals = Signals::new().map_err(RunError::Runtime)?;
    let (options, embedded) = tokio::select! {
        database = run::database(config) => database?,
        () = signals.next() => return Err(RunError::Interrupted),
    };
    let done = tokio::select! {
        done = work(options) => done,
        () = signals.next() => Err(RunError::Interrupted),
    };
    if let Some(embedded) = embedded {
        embedded.stop(Instant::now() + SHUTDOWN_TIMEOUT).await;
    }
    done
}
