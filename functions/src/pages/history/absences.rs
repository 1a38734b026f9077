//! Absences of more than an hour: the one of the present, the last ones, and the longest.

use heartbeat_core::{
    humanize,
    presence::absences::{Absence, Asked, Order},
    settings::Timezone,
};
use time::{Duration, OffsetDateTime};

use super::Shown;

/// The longest absences that are shown.
pub(super) const LONGEST: Asked = Asked { order: Order::Longest, limit: 10, before: None };

/// The last absences that are shown.
pub(super) const LATEST: Asked = Asked { order: Order::Latest, limit: 5, before: None };

/// Length from which on the dates of an absence say enough.
const DATES_MIN: Duration = Duration::days(2);

/// Absences as they were read.
#[derive(Debug, Clone, Default)]
pub(super) struct Absences {
    pub(super) latest: Vec<Absence>,
    pub(super) longest: Vec<Absence>,
}

/// Absences in words.
#[derive(Debug)]
pub(super) struct AbsencesView {
    /// The one of the present.
    pub(super) ongoing: Option<Entry>,
    /// The last ones and the longest, with their titles, if there are any.
    pub(super) lists: Vec<(&'static str, Vec<Entry>)>,
}

/// An absence in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// When it was.
    pub(super) when: String,
    /// Name of the device that ended it, if that may be named.
    pub(super) ended_on: Option<String>,
    pub(super) length: String,
}

impl AbsencesView {
    /// Takes what may be shown. Devices that `name` does not know are not named.
    pub(super) fn new(shown: &Shown, name: impl Fn(i64) -> Option<String>) -> Self {
        let absences = &shown.absences;
        let entry = |absence: &Absence| Entry {
            when: when(absence, &shown.view.timezone, shown.is_by_days),
            ended_on: absence.ended_by.and_then(&name),
            length: humanize::duration(absence.length(shown.view.until).whole_seconds()),
        };
        let is_over = |absence: &&Absence| absence.ended_at.is_some();
        let ongoing = absences.latest.iter().find(|absence| absence.ended_at.is_none()).map(&entry);
        let latest = absences.latest.iter().filter(is_over).map(&entry).collect();
        let longest = absences.longest.iter().filter(is_over).map(&entry).collect();
        let lists: [(_, Vec<Entry>); 2] = [("The last", latest), ("The longest", longest)];
        Self { ongoing, lists: lists.into_iter().filter(|(_, entries)| !entries.is_empty()).collect() }
    }
}

/// Says when an absence was: by its dates if it was long, or if times are by the day, else by the clock as well.
fn when(absence: &Absence, timezone: &Timezone, is_by_days: bool) -> String {
    let date = |time: OffsetDateTime| timezone.date(time);
    let clock =
        |time| timezone.local(time).map_or_else(String::new, |local| local.strftime("%-H:%M").to_string());
    let start = absence.started_at;
    let Some(end) = absence.ended_at else {
        return if is_by_days {
            format!("Since {}", humanize::date(date(start)))
        } else {
            format!("Since {}, {}", humanize::date(date(start)), clock(start))
        };
    };
    let (from, to) = (date(start), date(end));
    let (day, month) = (from.day(), from.month());
    if is_by_days || end - start >= DATES_MIN {
        return match () {
            () if from == to => humanize::date(to),
            () if from.year() != to.year() => format!("{} – {}", humanize::date(from), humanize::date(to)),
            () if month != to.month() => format!("{day} {month} – {}", humanize::date(to)),
            () => format!("{day} – {}", humanize::date(to)),
        };
    }
    if from == to {
        format!("{}, {} – {}", humanize::date(to), clock(start), clock(end))
    } else {
        format!("{day} {month}, {} – {}, {}", clock(start), humanize::date(to), clock(end))
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn absences_are_told_by_dates_and_short_ones_by_the_clock() {
        let berlin = Timezone::parse("Europe/Berlin").expect("a time zone");
        let told = |started_at, ended_at, is_by_days| {
            when(&Absence { started_at, ended_at, ended_by: None }, &berlin, is_by_days)
        };
        let start = datetime!(2026-08-09 17:02 UTC);
        for (end, text) in [
            (datetime!(2026-08-09 18:30 UTC), "9 August 2026, 19:02 – 20:30"),
            (datetime!(2026-08-10 07:05 UTC), "9 August, 19:02 – 10 August 2026, 9:05"),
            (datetime!(2026-08-22 23:00 UTC), "9 – 23 August 2026"),
            (datetime!(2026-09-01 12:00 UTC), "9 August – 1 September 2026"),
            (datetime!(2027-01-01 12:00 UTC), "9 August 2026 – 1 January 2027"),
        ] {
            assert_eq!(told(start, Some(end), false), text);
        }
        assert_eq!(told(start, Some(datetime!(2026-08-09 18:30 UTC)), true), "9 August 2026");
        assert_eq!(told(start, None, false), "Since 9 August 2026, 19:02");
        assert_eq!(told(start, None, true), "Since 9 August 2026");
    }
}
