//! `heartbeat migrate`: brings the tables of a database up to date.

use heartbeat_core::{Config, database::schema};

use tokio::time::Instant;

use crate::run::{self, Failure, STOP_LIMIT, Signals};

#[expect(clippy::print_stdout, reason = "talks to the one who started it")]
pub(crate) async fn migrate(config: &Config) -> Result<(), Failure> {
    let mut signals = Signals::new().map_err(Failure::Runtime)?;
    let (options, embedded) = tokio::select! {
        database = run::database(config) => database?,
        () = signals.next() => return Err(Failure::Interrupted),
    };
    // Whatever is interrupted is rolled back.
    let migrated = tokio::select! {
        migrated = schema::migrate(&options) => migrated.map_err(Failure::from),
        () = signals.next() => Err(Failure::Interrupted),
    };
    if let Some(embedded) = embedded {
        embedded.stop(Instant::now() + STOP_LIMIT).await;
    }
    match migrated? {
        0 => println!("The database is up to date."),
        1 => println!("The database is up to date: 1 migration was applied."),
        applied => println!("The database is up to date: {applied} migrations were applied."),
    }
    Ok(())
}
