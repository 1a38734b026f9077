//! Keeps what is public as of the last boundary where the precision is not exact.
//!
//! The figures of a boundary are in the database, so that all processes show the same. Whoever reads the stats first after a
//! boundary moves them on to it: a process that somebody looks at, or the job that runs every few seconds.

use time::Duration;

use crate::{
    Error,
    database::{Reads, published, stats},
    settings::{Choices, OwnerSettings, Precision, Settings},
    stats::StoredStats,
};

/// How far figures may be ahead of the database's clock before they are taken for ones of a clock that was set back.
const CLOCK_TOLERANCE: Duration = Duration::minutes(1);

/// Reads the stats as of one moment, and what is public of them. `configured` are the settings that the configuration sets.
pub async fn read(reads: &Reads, configured: &Choices) -> Result<StoredStats, Error> {
    let (stored, published_as_of) = reads.run(stats::read).await?;
    let owner_settings = OwnerSettings { configured: configured.clone(), chosen: stored.chosen.clone() };
    let Settings { precision, timezone, .. } = owner_settings.effective();
    if precision == Precision::Exact {
        if published_as_of.is_some() {
            reads.run(published::clear).await?;
        }
        return Ok(stored);
    }
    let boundary = precision.boundary(stored.as_of, &timezone);
    let moved = match published_as_of {
        Some(as_of) if as_of > stored.as_of + CLOCK_TOLERANCE => reads.run(published::start).await,
        Some(as_of) if as_of < boundary => {
            let roll = async |connection: &mut _| published::roll_forward(connection, as_of, boundary).await;
            reads.run(roll).await
        }
        Some(_) => Ok(()),
        None => reads.run(published::start).await,
    };
    // If it failed, which the session has logged, the figures of an older boundary still tell nothing new.
    let read = async |connection: &mut _| published::read(connection, precision, &timezone).await;
    let published = reads.run(read).await?.ok_or(moved.err().unwrap_or(Error::Unavailable))?;
    Ok(StoredStats { published: Some(published), ..stored })
}
