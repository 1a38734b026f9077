//! The history on `/stats`: a year day by day, the hours of the week, the months, absences, of anybody or of a device.

use askama::Template;
use heartbeat_core::{presence::Step, stats::Stats};
use time::Duration;

use super::{
    Shown,
    absences::{AbsencesView, public_name},
    grid::Row,
    months, week,
    year::Year,
};

/// A choice of whose history is shown: a device, or anybody.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) device: Option<i64>,
    pub(crate) name: String,
}

/// The sections with the history.
#[derive(Debug, Template)]
#[template(path = "history/stats.html")]
pub(crate) struct StatsView<'a> {
    choices: &'a [Choice],
    /// Whose history is shown.
    device: Option<i64>,
    timezone: String,
    note: Option<&'static str>,
    year: Year,
    /// The hours of the week, if hours may be seen.
    week: Option<WeekView>,
    months: Vec<String>,
    /// Absences of anybody, if they may be seen.
    absences: Option<AbsencesView>,
}

/// The hours of the week.
#[derive(Debug)]
enum WeekView {
    TooEarly,
    Rows(Vec<Row>),
}

impl<'a> StatsView<'a> {
    /// Takes what may be shown of a device or of anybody, the stats of the same time, and what may be chosen in its place.
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
        let name = |id: i64| {
            if shown.is_exact { choice(choices, id).or_else(|| public_name(stats, id)) } else { None }
        };
        Self {
            choices,
            device,
            timezone: timezone.name().to_owned(),
            note: shown.note,
            year: Year::new(&sums, since, today),
            week: has_hours.then(|| match week::days(since, today) {
                None => WeekView::TooEarly,
                Some(days) => {
                    WeekView::Rows(week::rows(&shown.presence.sums(Step::Hour, timezone, &days), &days))
                }
            }),
            months: months::sentences(&sums, absences.as_deref(), since, today),
            absences: (has_hours && device.is_none()).then(|| AbsencesView::new(shown, name)),
        }
    }
}

/// Returns the name of a device that can be chosen.
fn choice(choices: &[Choice], id: i64) -> Option<String> {
    choices.iter().find(|choice| choice.device == Some(id)).map(|choice| choice.name.clone())
}
