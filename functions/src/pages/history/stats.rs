//! The history on `/stats`: a year day by day, the hours of the week, the months, absences, of all devices together or of one.

use askama::Template;
use heartbeat_core::{presence::Step, stats::Stats};
use time::Duration;

use super::{Shown, absences::AbsencesView, grid::Row, months, week, year::Year};

/// A device whose history may be chosen in the place of all.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) id: i64,
    pub(crate) name: String,
}

/// The sections with the history.
#[derive(Debug, Template)]
#[template(path = "history/stats.html")]
pub(crate) struct StatsView<'a> {
    choices: &'a [Choice],
    /// Whose history is shown; all devices' if there is none.
    device: Option<i64>,
    timezone: String,
    notes: Vec<&'static str>,
    year: Year,
    /// The hours of the week, if hours may be seen.
    week: Option<WeekView>,
    months: Vec<String>,
    /// Absences of all devices together, if they may be seen.
    absences: Option<AbsencesView>,
}

/// The hours of the week.
#[derive(Debug)]
enum WeekView {
    TooEarly,
    /// The number of days that were looked at, and a row for each day of the week.
    Rows(i64, Vec<Row>),
}

impl<'a> StatsView<'a> {
    /// Takes what may be shown of a device or of all together, the stats of the same time, and what may be chosen in its place.
    pub(crate) fn new(shown: &Shown, stats: &Stats, choices: &'a [Choice], device: Option<i64>) -> Self {
        let view = &shown.view;
        let (timezone, until, today) = (&view.timezone, view.until, view.today);
        let (since, days) = (timezone.date(shown.since(stats)), view.recent_days(super::DAYS));
        let sums = shown.presence.sums(Step::Day, timezone, &days);
        let has_hours = shown.has_hours();
        let absences = has_hours.then(|| {
            let spans = shown.presence.spans(until - Duration::days(super::DAYS), until);
            months::absences(&spans, until, timezone)
        });
        let is_named = |choice: &&Choice, id: i64| choice.id == id && shown.is_exact;
        let name = |id| Some(choices.iter().find(|choice| is_named(choice, id))?.name.clone());
        Self {
            choices,
            device,
            timezone: timezone.name().to_owned(),
            notes: shown.notes.clone(),
            year: Year::new(&sums, since, today),
            week: has_hours.then(|| match week::days(since, today) {
                None => WeekView::TooEarly,
                Some(days) => {
                    let count = (*days.end() - *days.start()).whole_days() + 1;
                    WeekView::Rows(
                        count,
                        week::rows(&shown.presence.sums(Step::Hour, timezone, &days), &days),
                    )
                }
            }),
            months: months::sentences(&sums, absences.as_deref(), since, today),
            absences: (has_hours && device.is_none()).then(|| AbsencesView::new(shown, name)),
        }
    }
}

impl Choice {
    /// Whether this is the device of this id.
    fn is(&self, id: Option<i64>) -> bool {
        id == Some(self.id)
    }
}
