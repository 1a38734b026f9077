//! Local days as the clocks on the wall show them, on which times in use are drawn.

use time::{Date, Duration, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

use crate::settings::Timezone;

/// Minutes from a midnight to the next one, as clocks on the wall count them.
pub const DAY_MINUTES: u16 = 1_440;

/// A part of a local day, in minutes since midnight as the clock on the wall shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayPart {
    /// The day.
    pub day: Date,
    /// Its first minute.
    pub start: u16,
    /// The minute after its last one.
    pub end: u16,
}

impl Timezone {
    /// Returns the parts of local days that lie between two moments, in their order. It is divided at midnights and where clocks
    /// are set: an hour that is left out is in no part, one that comes twice may be in two.
    #[must_use]
    pub fn day_parts(&self, from: OffsetDateTime, to: OffsetDateTime) -> Vec<DayPart> {
        let offsets = self.offsets(from, to);
        let ends = offsets.iter().skip(1).map(|(moment, _)| *moment).chain([to]);
        let pieces = offsets.iter().zip(ends).filter(|((start, _), end)| start < end);
        pieces.flat_map(|((start, ahead), end)| between(wall(*start, *ahead), wall(end, *ahead))).collect()
    }

    /// Returns the first moment of a local day; `None` if no clock shows it.
    #[must_use]
    pub fn start_of_day(&self, day: Date) -> Option<OffsetDateTime> {
        self.moment(&format!("{day}T00:00"))
    }
}

/// Returns what a clock shows that is so far ahead of UTC.
fn wall(time: OffsetDateTime, ahead: Duration) -> PrimitiveDateTime {
    let time = time.to_offset(UtcOffset::UTC);
    PrimitiveDateTime::new(time.date(), time.time()).saturating_add(ahead)
}

/// Divides a time on the wall at midnights.
fn between(start: PrimitiveDateTime, end: PrimitiveDateTime) -> Vec<DayPart> {
    let mut parts = Vec::new();
    let mut day = start.date();
    while day <= end.date() {
        let first = if day == start.date() { minute(start.time()) } else { 0 };
        let last = if day == end.date() { minute(end.time()) } else { DAY_MINUTES };
        if first < last {
            parts.push(DayPart { day, start: first, end: last });
        }
        let Some(next) = day.next_day() else { break };
        day = next;
    }
    parts
}

fn minute(time: Time) -> u16 {
    u16::from(time.hour()) * 60 + u16::from(time.minute())
}

#[cfg(test)]
mod tests {
    use time::macros::{date, datetime};

    use super::*;

    fn parts(timezone: &str, from: OffsetDateTime, to: OffsetDateTime) -> Vec<(u8, u16, u16)> {
        let timezone = Timezone::parse(timezone).expect("a time zone");
        let parts = timezone.day_parts(from, to).into_iter();
        parts.map(|part| (part.day.day(), part.start, part.end)).collect()
    }

    #[test]
    fn days_begin_at_local_midnights() {
        let (from, to) = (datetime!(2026-11-26 18:00:59 UTC), datetime!(2026-11-27 18:31 UTC));
        assert_eq!(parts("UTC", from, to), [(26, 1_080, 1_440), (27, 0, 1_111)]);
        assert_eq!(parts("Asia/Kolkata", from, to), [(26, 1_410, 1_440), (27, 0, 1_440), (28, 0, 1)]);
        assert_eq!(parts("UTC", from, from), []);
        assert_eq!(parts("UTC", to, from), []);
    }

    #[test]
    fn an_hour_that_is_left_out_is_in_no_part_and_one_that_comes_twice_in_two() {
        let day = |date: OffsetDateTime| parts("Europe/Berlin", date, date + Duration::DAY);
        assert_eq!(day(datetime!(2026-03-28 23:00 UTC)), [(29, 0, 120), (29, 180, 1_440), (30, 0, 60)]);
        assert_eq!(day(datetime!(2026-10-24 22:00 UTC)), [(25, 0, 180), (25, 120, 1_380)]);
    }

    #[test]
    fn a_day_that_was_left_out_has_no_parts() {
        // Samoa went from 29 to 31 December at 10:00 UTC of the 30th.
        let (from, to) = (datetime!(2011-12-30 09:00 UTC), datetime!(2011-12-30 11:00 UTC));
        assert_eq!(parts("Pacific/Apia", from, to), [(29, 1_380, 1_440), (31, 0, 60)]);
    }

    #[test]
    fn a_day_begins_when_its_clock_says_so() {
        let start = |timezone: &str, day| Timezone::parse(timezone).expect("a time zone").start_of_day(day);
        let berlin = start("Europe/Berlin", date!(2026 - 10 - 26));
        assert_eq!(berlin, Some(datetime!(2026-10-25 23:00 UTC)));
        // Clocks went from midnight to one o'clock.
        let beirut = start("Asia/Beirut", date!(2024 - 03 - 31));
        assert_eq!(beirut, Some(datetime!(2024-03-30 22:00 UTC)));
    }
}
