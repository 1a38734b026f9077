//! `heartbeat migrate`: brings the tables of a database up to date.

use heartbeat_core::{Config, database::schema};

use crate::run::{self, Failure};

#[expect(clippy::print_stdout, reason = "talks to the one who started it")]
pub(crate) async fn migrate(config: &Config) -> Result<(), Failure> {
    let (options, embedded) = run::database(config).await?;
    let migrated = schema::migrate(&options).await;
    if let Some(embedded) = embedded {
        embedded.stop().await;
    }
    match migrated? {
        0 => println!("The database is up to date."),
        1 => println!("The database is up to date: 1 migration was applied."),
        applied => println!("The database is up to date: {applied} migrations were applied."),
    }
    Ok(())
}
