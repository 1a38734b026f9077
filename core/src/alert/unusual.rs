//! Which absences are unusual: those that are longer than nearly all of the last three months.

use time::Duration;

use super::{
    Span, Window,
    clock::Clock,
    past::{Past, united},
};
use crate::settings::Timezone;

/// Time in which absences count.
pub const LOOKBACK: Duration = Duration::days(90);

/// Time since the first beat before which nothing is known of what is usual.
const DATA_MIN: Duration = Duration::days(14);

/// No shorter absence is unusual.
const SHORTEST: Span = Span::from_seconds(12 * 3_600);

/// Absences that are shorter than this make no difference: a quarter longer, they are still shorter than [`SHORTEST`].
pub const RELEVANT: Span = Span::from_seconds(SHORTEST.seconds() * 4 / 5);

/// Longer than all but so many absences is what an unusual one is.
const LONGER_ONES: usize = 2;

/// Returns the length from which on an absence is unusual: 1.25 times the third-longest that ended in the last 90 days, in
/// whole minutes, at least twelve hours. `rest`, outages and snoozes are left out. `None` with less than 14 days of data.
pub(crate) fn unusual_after(past: &Past, rest: Option<Window>, timezone: &Timezone) -> Option<Span> {
    if past.now - past.data_since? < DATA_MIN {
        return None;
    }
    let left_out = united([&past.outages[..], &past.snoozes[..]].concat());
    let clock = Clock::new(timezone, rest, &left_out);
    let ended = past.absences.iter().filter_map(|absence| Some((absence.started_at, absence.ended_at?)));
    let mut lengths: Vec<i64> = ended.map(|(start, end)| clock.elapsed(start, end).whole_seconds()).collect();
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    let usual = lengths.get(LONGER_ONES).copied().unwrap_or_default();
    let minutes = (usual.saturating_mul(5) / 4).saturating_add(59) / 60;
    Some(Span::from_seconds(minutes * 60).max(SHORTEST))
}
