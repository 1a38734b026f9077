//! Sums of presence by local days, hours and quarters of an hour.

use std::ops::RangeInclusive;

use time::{Date, Duration, OffsetDateTime, UtcOffset};

use super::{Presence, QUARTER_MINUTES, QUARTER_SECONDS, Quarter};
use crate::settings::Timezone;

/// Local days, the last one included.
pub type Days = RangeInclusive<Date>;

/// Length of what is summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Step {
    /// A day, of 23 to 25 hours.
    #[default]
    Day,
    /// An hour of the wall clock. One that comes twice in a day is two.
    Hour,
    /// A quarter of an hour of the wall clock.
    Quarter,
}

impl Step {
    /// All of them, the longest first.
    pub const ALL: [Self; 3] = [Self::Day, Self::Hour, Self::Quarter];

    /// Returns the name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Quarter => "quarter",
        }
    }

    /// Parses a name. Fails with the names that there are.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        Self::ALL.into_iter().find(|step| step.name() == text).ok_or("day, hour or quarter")
    }

    /// Returns how many steps a day of 24 hours has.
    #[must_use]
    pub fn in_a_day(self) -> i64 {
        match self {
            Self::Day => 1,
            Self::Hour => 24,
            Self::Quarter => 96,
        }
    }
}

/// What came in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    /// When it begins, as the wall clock says; of a day, only the date counts.
    pub start: OffsetDateTime,
    /// Minutes with a beat.
    pub minutes: u32,
    /// Number of beats.
    pub beats: u64,
}

impl Presence {
    /// Sums up the steps of local days, in their order. Steps without a beat are left out.
    ///
    /// Clocks that change within a quarter of an hour, as those of St. John's did until 2011 at one minute past midnight, divide
    /// its minutes; its beats belong to the step in which it begins.
    #[must_use]
    pub fn sums(&self, step: Step, timezone: &Timezone, days: &Days) -> Vec<Sum> {
        let mut sums: Vec<Sum> = Vec::new();
        for piece in self.around(days).pieces(timezone) {
            if !days.contains(&piece.local.date()) {
                continue;
            }
            let start = step.start(piece.local);
            // Where clocks are set back past midnight, the day before goes on.
            let known = sums.iter().rposition(|sum| match step {
                Step::Day => sum.start.date() <= start.date(),
                Step::Hour | Step::Quarter => sum.start <= start,
            });
            let is_new = known.is_none_or(|index| !step.is_same(sums[index].start, start));
            let index = if is_new { known.map_or(0, |index| index + 1) } else { known.unwrap_or_default() };
            if is_new {
                sums.insert(index, Sum { start, minutes: 0, beats: 0 });
            }
            let sum = &mut sums[index];
            sum.minutes += piece.quarter.minutes.count_ones();
            sum.beats += u64::from(piece.quarter.beats);
        }
        sums
    }

    /// Returns what came on some days, wherever on earth, and near them.
    fn around(&self, days: &Days) -> Self {
        let number = |day: Date| {
            OffsetDateTime::new_utc(day, time::Time::MIDNIGHT).unix_timestamp().div_euclid(QUARTER_SECONDS)
        };
        let first = number(days.start().saturating_sub(Duration::DAY));
        let end = number(days.end().saturating_add(Duration::days(2)));
        let index = |number| self.quarters.partition_point(|(quarter, _)| *quarter < number);
        let range = index(first)..index(end).max(index(first));
        Self { quarters: self.quarters[range].to_vec(), is_incomplete: self.is_incomplete }
    }

    /// Returns quarters of an hour with the local time at which they begin. One in which clocks change is two.
    fn pieces(&self, timezone: &Timezone) -> Vec<Piece> {
        let (Some(first), Some((last, _))) = (self.first(), self.quarters().last()) else {
            return Vec::new();
        };
        let Some(end) = OffsetDateTime::from_unix_timestamp(last + QUARTER_SECONDS).ok() else {
            return Vec::new();
        };
        let offsets = timezone.offsets(first, end);
        let mut pieces = Vec::with_capacity(self.quarters.len());
        let mut current = 0;
        for (start, quarter) in self.quarters() {
            while offsets.get(current + 1).is_some_and(|(moment, _)| moment.unix_timestamp() <= start) {
                current += 1;
            }
            let change = offsets.get(current + 1).map(|(moment, _)| moment.unix_timestamp());
            match change.filter(|moment| *moment < start + QUARTER_SECONDS) {
                None => pieces.extend(Piece::new(start, offsets[current].1, quarter)),
                Some(moment) => {
                    let (before, after) = divide(quarter, (moment - start) / 60);
                    pieces.extend(Piece::new(start, offsets[current].1, before));
                    pieces.extend(Piece::new(moment, offsets[current + 1].1, after));
                }
            }
        }
        pieces
    }
}

/// What came in a quarter of an hour, or in a part of one, at one offset from UTC.
struct Piece {
    local: OffsetDateTime,
    quarter: Quarter,
}

impl Piece {
    fn new(start: i64, ahead: Duration, quarter: Quarter) -> Option<Self> {
        let offset = UtcOffset::from_whole_seconds(i32::try_from(ahead.whole_seconds()).ok()?).ok()?;
        let local = OffsetDateTime::from_unix_timestamp(start).ok()?.checked_to_offset(offset)?;
        Some(Self { local, quarter })
    }
}

impl Step {
    /// Whether two starts are those of the same step.
    fn is_same(self, one: OffsetDateTime, other: OffsetDateTime) -> bool {
        match self {
            Self::Day => one.date() == other.date(),
            Self::Hour | Self::Quarter => one == other && one.offset() == other.offset(),
        }
    }

    /// Returns the start of the step that `local` lies in, at the same offset.
    fn start(self, local: OffsetDateTime) -> OffsetDateTime {
        let midnight = local.replace_time(time::Time::MIDNIGHT);
        match self {
            Self::Day => midnight,
            Self::Hour => midnight + Duration::hours(i64::from(local.hour())),
            Self::Quarter => {
                let quarter = i64::from(local.minute()) / QUARTER_MINUTES;
                midnight
                    + Duration::hours(i64::from(local.hour()))
                    + Duration::minutes(quarter * QUARTER_MINUTES)
            }
        }
    }
}

/// Divides a quarter of an hour after its first minutes. All beats go with the first part, unless it has no minute with a beat.
fn divide(quarter: Quarter, minutes: i64) -> (Quarter, Quarter) {
    let first = quarter.minutes & ((1 << minutes) - 1);
    let second = quarter.minutes & !first;
    let (first_beats, second_beats) = if first == 0 { (0, quarter.beats) } else { (quarter.beats, 0) };
    (Quarter { minutes: first, beats: first_beats }, Quarter { minutes: second, beats: second_beats })
}

#[cfg(test)]
mod tests {
    use time::macros::{date, datetime};

    use super::*;

    fn presence(minutes: &[OffsetDateTime]) -> Presence {
        let mut presence = Presence::default();
        for minute in minutes {
            presence.add_minute(minute.unix_timestamp() / 60, 2);
        }
        presence
    }

    fn sums(presence: &Presence, step: Step, timezone: &str, days: Days) -> Vec<(String, u32, u64)> {
        let timezone = Timezone::parse(timezone).expect("a time zone");
        let format = |sum: Sum| {
            let start = sum.start.format(&time::format_description::well_known::Rfc3339).expect("a time");
            (start, sum.minutes, sum.beats)
        };
        presence.sums(step, &timezone, &days).into_iter().map(format).collect()
    }

    #[test]
    fn a_minute_counts_once_and_each_of_its_beats() {
        let noon = datetime!(2026-11-27 12:00 UTC);
        let presence = presence(&[noon, noon, noon + Duration::minutes(14), noon + Duration::minutes(15)]);
        let day = date!(2026 - 11 - 27);
        let by = |step| sums(&presence, step, "UTC", day..=day);
        assert_eq!(by(Step::Day), [("2026-11-27T00:00:00Z".into(), 3, 8)]);
        assert_eq!(by(Step::Hour), [("2026-11-27T12:00:00Z".into(), 3, 8)]);
        assert_eq!(
            by(Step::Quarter),
            [("2026-11-27T12:00:00Z".into(), 2, 6), ("2026-11-27T12:15:00Z".into(), 1, 2)]
        );
    }

    #[test]
    fn days_and_hours_are_those_of_zones_half_an_hour_apart() {
        let presence = presence(&[datetime!(2026-11-26 18:29 UTC), datetime!(2026-11-26 18:30 UTC)]);
        let all = date!(2026 - 11 - 26)..=date!(2026 - 11 - 27);
        assert_eq!(
            sums(&presence, Step::Hour, "Asia/Kolkata", all.clone()),
            [("2026-11-26T23:00:00+05:30".into(), 1, 2), ("2026-11-27T00:00:00+05:30".into(), 1, 2)]
        );
        let second = date!(2026 - 11 - 27)..=date!(2026 - 11 - 27);
        assert_eq!(sums(&presence, Step::Day, "Asia/Kolkata", second).len(), 1);
        assert_eq!(sums(&presence, Step::Day, "UTC", all).len(), 1);
    }

    #[test]
    fn an_hour_that_comes_twice_is_two() {
        let presence = presence(&[datetime!(2026-10-25 00:10 UTC), datetime!(2026-10-25 01:10 UTC)]);
        let day = date!(2026 - 10 - 25);
        assert_eq!(
            sums(&presence, Step::Hour, "Europe/Berlin", day..=day),
            [("2026-10-25T02:00:00+02:00".into(), 1, 2), ("2026-10-25T02:00:00+01:00".into(), 1, 2)]
        );
        assert_eq!(sums(&presence, Step::Day, "Europe/Berlin", day..=day).len(), 1);
    }

    #[test]
    fn a_day_that_was_left_out_has_nothing() {
        // Samoa went from 29 to 31 December at 10:00 UTC of the 30th.
        let presence = presence(&[datetime!(2011-12-30 09:59 UTC), datetime!(2011-12-30 10:00 UTC)]);
        let starts = sums(&presence, Step::Day, "Pacific/Apia", date!(2011 - 12 - 1)..=date!(2012 - 1 - 31));
        assert_eq!(
            starts,
            [("2011-12-29T00:00:00-10:00".into(), 1, 2), ("2011-12-31T00:00:00+14:00".into(), 1, 2)]
        );
    }

    #[test]
    fn clocks_that_change_a_minute_past_midnight_divide_minutes() {
        // 2:31 UTC: one minute of 7 November had gone by when it became 23:01 of the 6th again.
        let minutes = (0..15).map(|minute| datetime!(2010-11-07 02:30 UTC) + Duration::minutes(minute));
        let presence = presence(&minutes.collect::<Vec<_>>());
        let days = date!(2010 - 11 - 1)..=date!(2010 - 11 - 30);
        let sums = sums(&presence, Step::Day, "America/St_Johns", days);
        assert_eq!(sums.iter().map(|(_, minutes, _)| *minutes).collect::<Vec<_>>(), [14, 1]);
    }
}
