//! Times in use: minutes with a beat that lie close together.

use time::OffsetDateTime;

use super::{Presence, QUARTER_MINUTES};

/// Minutes between which nothing is drawn: beats less than five minutes apart belong together.
const JOINED_MINUTES: i64 = 5;

/// A time in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Start of its first minute.
    pub start: OffsetDateTime,
    /// End of its last minute.
    pub end: OffsetDateTime,
}

impl Presence {
    /// Returns the times in use that lie between two moments, in their order.
    #[must_use]
    pub fn spans(&self, from: OffsetDateTime, to: OffsetDateTime) -> Vec<Span> {
        let (first, end) = (from.unix_timestamp().div_euclid(60), to.unix_timestamp().div_euclid(60));
        let mut spans: Vec<(i64, i64)> = Vec::new();
        for minute in self.minutes(first, end) {
            match spans.last_mut() {
                Some((_, last)) if minute - *last <= JOINED_MINUTES => *last = minute,
                _ => spans.push((minute, minute)),
            }
        }
        let time = |minute: i64| OffsetDateTime::from_unix_timestamp(minute * 60).ok();
        let span =
            |(start, last): (i64, i64)| Some(Span { start: time(start)?, end: time(last + 1)?.min(to) });
        spans.into_iter().filter_map(span).collect()
    }

    /// Returns the minutes with a beat from `first` on and before `end`, by their numbers since 1970, in their order.
    fn minutes(&self, first: i64, end: i64) -> impl Iterator<Item = i64> {
        let start = self.quarters.partition_point(|(number, _)| *number < first.div_euclid(QUARTER_MINUTES));
        let quarters =
            self.quarters[start..].iter().take_while(move |(number, _)| *number * QUARTER_MINUTES < end);
        let minutes = quarters.flat_map(|(number, quarter)| {
            let set = (0..QUARTER_MINUTES).filter(|minute| quarter.minutes & (1 << minute) != 0);
            set.map(move |minute| number * QUARTER_MINUTES + minute)
        });
        minutes.filter(move |minute| (first..end).contains(minute))
    }
}

#[cfg(test)]
mod tests {
    use time::{Duration, macros::datetime};

    use super::*;

    #[test]
    fn beats_less_than_five_minutes_apart_belong_together() {
        let noon = datetime!(2026-11-27 12:00 UTC);
        let mut presence = Presence::default();
        for minute in [0, 4, 9, 15, 16] {
            presence.add_minute(noon.unix_timestamp() / 60 + minute, 1);
        }
        let at = |minute| noon + Duration::minutes(minute);
        let all = presence.spans(noon - Duration::DAY, noon + Duration::DAY);
        assert_eq!(all, [Span { start: at(0), end: at(10) }, Span { start: at(15), end: at(17) }]);
        assert_eq!(presence.last_minute(), Some(at(16)));
        let some = presence.spans(at(4), at(16));
        assert_eq!(some, [Span { start: at(4), end: at(10) }, Span { start: at(15), end: at(16) }]);
    }
}
