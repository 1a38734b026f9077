//! What strangers see: the settings that the owner can choose, with what each choice tells.

use heartbeat_core::settings::{Choices, History, OwnerSettings, Precision, Timezone};

use super::Form;

/// A value of a setting to choose from.
pub(super) struct Choice {
    /// As forms and the configuration write it.
    pub(super) value: &'static str,
    pub(super) title: &'static str,
    /// What it tells strangers.
    pub(super) tells: &'static str,
    pub(super) is_chosen: bool,
}

/// The settings as the page shows them.
pub(super) struct VisibilityForm {
    pub(super) precision: Vec<Choice>,
    pub(super) history: Vec<Choice>,
    pub(super) timezone: String,
    /// Names of time zones.
    pub(super) timezones: Vec<String>,
    /// What the configuration sets, which cannot be chosen here.
    pub(super) configured: Choices,
    /// Whether nothing was chosen yet.
    pub(super) is_new: bool,
}

impl VisibilityForm {
    pub(super) fn new(settings: OwnerSettings) -> Self {
        let effective = settings.effective();
        let OwnerSettings { configured, chosen } = settings;
        Self {
            precision: Precision::ALL.iter().map(|it| precision(*it, effective.precision)).collect(),
            history: History::ALL.iter().map(|it| history(*it, effective.history)).collect(),
            timezone: effective.timezone.name().to_owned(),
            timezones: Timezone::names(),
            is_new: chosen == Choices::default() && configured == Choices::default(),
            configured,
        }
    }

    /// Whether there is anything to choose.
    pub(super) fn can_choose(&self) -> bool {
        let Choices { precision, history, timezone } = &self.configured;
        precision.is_none() || history.is_none() || timezone.is_none()
    }
}

fn precision(value: Precision, chosen: Precision) -> Choice {
    let (title, tells) = match value {
        Precision::Exact => (
            "To the second",
            "Strangers see live when you get up, when you take a break, and when you go to sleep.",
        ),
        Precision::Minute => {
            ("To the minute", "Strangers still see when you get up and when you go to sleep.")
        }
        Precision::Quarter => {
            ("To a quarter of an hour", "Strangers see roughly when you get up and when you go to sleep.")
        }
        Precision::Hour => {
            ("To the hour", "Strangers see in which hours you are there, and so how long your nights are.")
        }
        Precision::Day => {
            ("To the day", "Strangers see on which days you were there, but not when you sleep.")
        }
        Precision::Week => ("To the week", "Strangers see that you were there in a week, and nothing more."),
    };
    Choice { value: value.name(), title, tells, is_chosen: value == chosen }
}

fn history(value: History, chosen: History) -> Choice {
    let (title, tells) = match value {
        History::Off => {
            ("No history", "Strangers see your last beat, but no history. Your own pages show none, either.")
        }
        History::Owner => ("For you alone", "Strangers see your last beat, but not your days."),
        History::Day => {
            ("Sums of days", "Strangers see how many hours you were there each day, but not which.")
        }
        History::Full => (
            "Everything",
            "Strangers see at which hours you were there, and so when you slept, of every day.",
        ),
    };
    Choice { value: value.name(), title, tells, is_chosen: value == chosen }
}

/// Reads what the owner chose. A setting that the form does not have stays as it is; the error says what is wrong.
pub(super) fn parse(form: &Form) -> Result<Choices, String> {
    let chosen = |name: &str| Some(form.field(name)).filter(|value| !value.is_empty());
    let wrong = |name: &str, expected: &str| format!("{name}: expected {expected}.");
    Ok(Choices {
        precision: chosen("precision")
            .map(|value| Precision::parse(&value).map_err(|expected| wrong("Precision", expected)))
            .transpose()?,
        history: chosen("history")
            .map(|value| History::parse(&value).map_err(|expected| wrong("History", expected)))
            .transpose()?,
        timezone: chosen("timezone")
            .map(|value| Timezone::parse(value.trim()).map_err(|expected| wrong("Time zone", expected)))
            .transpose()?,
    })
}
