//! Dead-letters events that have waited for too long: for a channel that fails, is disabled, was taken out of the
//! configuration, or that no program knows how to deliver to. So the outbox stays bounded.

use time::{Duration, OffsetDateTime};

use crate::{
    database::{
        Connection,
        outbox::{self, TooOld},
    },
    notify::event::EventKind,
};

/// Age at which events are dead-lettered.
const EVENT_MAX_AGE: Duration = Duration::DAY;

/// Age at which events of kinds that this program does not know are dead-lettered: a newer one may let them wait
/// longer, but none for ever.
const UNKNOWN_EVENT_MAX_AGE: Duration = Duration::WEEK;

/// Time for which events that are too old are gathered, to be logged together.
const MARGIN: Duration = Duration::minutes(10);

/// Dead-letters the events, and returns how many there were.
pub(super) async fn run(connection: &mut Connection, now: OffsetDateTime) -> Result<u64, sqlx::Error> {
    let kinds = EventKind::NAMES.map(str::to_owned);
    let mut events = 0;
    for (known_kinds, max_age) in [(true, EVENT_MAX_AGE), (false, UNKNOWN_EVENT_MAX_AGE)] {
        let too_old =
            TooOld { known_kinds, max_age: max_age.as_seconds_f64(), margin: MARGIN.as_seconds_f64() };
        for dead in outbox::dead_letter_old(connection, now, &kinds, too_old).await? {
            let reason = format!("older than {} hours", max_age.whole_hours());
            tracing::error!(channel = %dead.channel, events = dead.events, %reason, "events dead-lettered");
            events += dead.events.unsigned_abs();
        }
    }
    Ok(events)
}
