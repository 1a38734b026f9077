//! Dead-letters events that have waited for too long: for a channel that fails, is disabled, was taken out of the
//! configuration, or that no program knows how to deliver to. So the outbox stays bounded.

use time::{Duration, OffsetDateTime};

use crate::{
    database::{
        Connection,
        dead_letters::{self, TooOld},
    },
    notify::event::EventKind,
};

/// Age at which events are dead-lettered.
const EVENT_MAX_AGE: Duration = Duration::DAY;

/// Age at which events about alerts are dead-lettered: a service may be down over a long weekend.
const ALERT_MAX_AGE: Duration = Duration::hours(76);

/// Age at which events of kinds that this program does not know are dead-lettered: a newer one may let them wait
/// longer, but none for ever.
const UNKNOWN_EVENT_MAX_AGE: Duration = Duration::WEEK;

/// Time for which events that are too old are gathered, to be logged together.
const MARGIN: Duration = Duration::minutes(10);

/// Dead-letters the events, and returns how many there were.
pub(super) async fn run(connection: &mut Connection, now: OffsetDateTime) -> Result<u64, sqlx::Error> {
    let known = EventKind::NAMES.map(str::to_owned);
    let (of_alerts, others): (Vec<String>, Vec<String>) =
        known.iter().cloned().partition(|kind| EventKind::OF_ALERTS.contains(&kind.as_str()));
    let classes = [
        (&others[..], true, EVENT_MAX_AGE),
        (&of_alerts[..], true, ALERT_MAX_AGE),
        (&known[..], false, UNKNOWN_EVENT_MAX_AGE),
    ];
    let mut events = 0;
    for (kinds, of_kinds, max_age) in classes {
        let reason = format!("older than {} hours", max_age.whole_hours());
        let too_old = TooOld {
            kinds,
            of_kinds,
            max_age: max_age.as_seconds_f64(),
            margin: MARGIN.as_seconds_f64(),
            reason: &reason,
        };
        for dead in dead_letters::dead_letter_old(connection, now, &too_old).await? {
            tracing::error!(channel = %dead.channel, events = dead.events, %reason, "events dead-lettered");
            events += dead.events.unsigned_abs();
        }
    }
    Ok(events)
}
