//! The clock by which absences last: it stands still in `rest` and in outages.

use jiff::civil::Time;
use time::{Duration, OffsetDateTime};

use super::{
    Span, Window,
    past::{Period, united},
};
use crate::settings::Timezone;

/// How far after the last sign of life an alert may fire at most. Where `rest` leaves next to nothing of a day, it never does.
const FIRES_WITHIN: Duration = Duration::days(3 * 366);

/// A clock.
#[derive(Debug, Clone, Copy)]
pub struct Clock<'a> {
    timezone: &'a Timezone,
    rest: Option<Window>,
    outages: &'a [Period],
}

impl<'a> Clock<'a> {
    /// Returns the clock that stands still in `rest`, on clocks of `timezone`, and in these outages.
    #[must_use]
    pub fn new(timezone: &'a Timezone, rest: Option<Window>, outages: &'a [Period]) -> Self {
        Self { timezone, rest, outages }
    }

    /// Returns the time that counts between two moments.
    #[must_use]
    pub fn elapsed(&self, from: OffsetDateTime, to: OffsetDateTime) -> Duration {
        (to - from - self.left_out(from, to)).max(Duration::ZERO)
    }

    /// Returns the moment at which `after` has elapsed since `from`; `None` if that never comes, or not within three years.
    #[must_use]
    pub fn fires_at(&self, from: OffsetDateTime, after: Span) -> Option<OffsetDateTime> {
        let after = Duration::seconds(after.seconds());
        let has_elapsed = |moment| self.elapsed(from, moment) >= after;
        let mut late = from.checked_add(after)?;
        if has_elapsed(late) {
            return Some(late);
        }
        let mut early = late;
        late = from.checked_add(FIRES_WITHIN).filter(|latest| has_elapsed(*latest))?;
        // Time that counts never runs backwards, so halving what may be the moment finds it, to the microsecond.
        while late - early > Duration::MICROSECOND {
            let half = i64::try_from((late - early).whole_microseconds() / 2).ok()?;
            let moment = early + Duration::microseconds(half);
            if has_elapsed(moment) {
                late = moment;
            } else {
                early = moment;
            }
        }
        Some(late)
    }

    /// Returns the time that does not count between two moments.
    fn left_out(&self, from: OffsetDateTime, to: OffsetDateTime) -> Duration {
        let outages = self.outages.iter().filter(|outage| !outage.overlap(from, to).is_zero()).copied();
        let awake = united(outages.collect()).into_iter().map(|outage| {
            let (start, end) = (outage.started_at.max(from), outage.ended_at.min(to));
            end - start - self.rest(start, end)
        });
        self.rest(from, to) + awake.sum::<Duration>()
    }

    /// Returns the time of `rest` between two moments: of all the time for which clocks show one that is in it.
    fn rest(&self, from: OffsetDateTime, to: OffsetDateTime) -> Duration {
        let Some(rest) = self.rest.filter(|_| from < to) else { return Duration::ZERO };
        let offsets = self.timezone.offsets(from, to);
        let ends = offsets.iter().skip(1).map(|(start, _)| *start).chain([to]);
        let shown = offsets.iter().zip(ends).map(|((start, offset), end)| {
            let until = |time: OffsetDateTime| until(rest, time + *offset - OffsetDateTime::UNIX_EPOCH);
            until(end) - until(*start)
        });
        shown.sum()
    }
}

/// Returns the time for which a window lasts from a midnight until clocks show so much more.
fn until(window: Window, time: Duration) -> Duration {
    let (start, end) = (since_midnight(window.start()), since_midnight(window.end()));
    if start >= end {
        // All but the time between them, which is none where they are the same.
        return time - of_days(end, start, time);
    }
    of_days(start, end, time)
}

/// Returns the time between `start` and `end` of each day, from a midnight until so much later.
fn of_days(start: Duration, end: Duration, time: Duration) -> Duration {
    let days = time.whole_seconds().div_euclid(86_400);
    let today = time - Duration::days(days);
    let days = i32::try_from(days).unwrap_or_default();
    (end - start) * days + (today - start).clamp(Duration::ZERO, end - start)
}

fn since_midnight(time: Time) -> Duration {
    Duration::minutes(i64::from(time.hour()) * 60 + i64::from(time.minute()))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn clock<'a>(timezone: &'a Timezone, rest: &str, outages: &'a [Period]) -> Clock<'a> {
        Clock::new(timezone, Some(Window::parse(rest).expect(rest)), outages)
    }

    #[test]
    fn it_stands_still_in_rest_and_in_outages() {
        let berlin = Timezone::parse("Europe/Berlin").expect("a time zone");
        let outage =
            Period { started_at: datetime!(2026-06-01 04:00 UTC), ended_at: datetime!(2026-06-01 08:00 UTC) };
        let outages = [outage];
        let clock = clock(&berlin, "23:00-07:00", &outages);
        // 23:00 to 07:00 there is 21:00 to 05:00 UTC; the outage lasts for three hours more.
        let from = datetime!(2026-05-31 20:00 UTC);
        assert_eq!(clock.elapsed(from, datetime!(2026-06-01 09:00 UTC)), Duration::hours(2));
        let fires_at = |after| clock.fires_at(from, Span::from_seconds(after));
        assert_eq!(fires_at(3_599), Some(datetime!(2026-05-31 20:59:59 UTC)));
        assert_eq!(fires_at(3_601), Some(datetime!(2026-06-01 08:00:01 UTC)));
    }

    #[test]
    fn days_on_which_clocks_are_set_have_another_night() {
        let berlin = Timezone::parse("Europe/Berlin").expect("a time zone");
        let clock = clock(&berlin, "01:00-05:00", &[]);
        let counted = |from, to| clock.elapsed(from, to).whole_hours();
        assert_eq!(counted(datetime!(2026-03-28 23:00 UTC), datetime!(2026-03-29 22:00 UTC)), 20);
        assert_eq!(counted(datetime!(2026-10-24 22:00 UTC), datetime!(2026-10-25 23:00 UTC)), 20);
    }

    #[test]
    fn a_rest_of_the_whole_day_lets_nothing_fire() {
        let utc = Timezone::default();
        let clock = clock(&utc, "12:00-12:00", &[]);
        assert_eq!(clock.fires_at(datetime!(2026-06-01 04:00 UTC), Span::from_seconds(600)), None);
    }
}
