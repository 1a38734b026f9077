//! The clock by which absences last: it stands still in `rest` and in outages.

use jiff::{ToSpan, civil::Date};
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
        let mut moment = from.checked_add(after)?;
        // What is left out until then puts it off, and what is left out until that moment does again.
        while moment - from <= FIRES_WITHIN {
            let next = from.checked_add(after + self.left_out(from, moment))?;
            if next == moment {
                return Some(moment);
            }
            moment = next;
        }
        None
    }

    /// Returns the time that does not count between two moments.
    fn left_out(&self, from: OffsetDateTime, to: OffsetDateTime) -> Duration {
        let outages = self.outages.iter().filter(|outage| !outage.overlap(from, to).is_zero()).copied();
        let periods = outages.chain(self.rests(from, to)).collect();
        united(periods).iter().map(|period| period.overlap(from, to)).sum()
    }

    /// Returns the times of `rest` between two moments, and some before and after.
    fn rests(&self, from: OffsetDateTime, to: OffsetDateTime) -> Vec<Period> {
        let date = |time| self.timezone.local(time).map(|local| local.date());
        let (Some(rest), Some(first), Some(last)) = (self.rest, date(from), date(to)) else {
            return Vec::new();
        };
        let Ok(first) = first.yesterday() else { return Vec::new() };
        let days = first.series(1.day()).take_while(|day| *day <= last);
        days.filter_map(|day| self.rest_of(rest, day)).collect()
    }

    /// Returns the time of `rest` that begins on a day. A time that clocks skip is the moment at which they do, or soon after.
    fn rest_of(&self, rest: Window, day: Date) -> Option<Period> {
        let last = if rest.start() < rest.end() { day } else { day.tomorrow().ok()? };
        Some(Period {
            started_at: self.timezone.at(day.to_datetime(rest.start()))?,
            ended_at: self.timezone.at(last.to_datetime(rest.end()))?,
        })
    }
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
