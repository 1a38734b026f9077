//! "Would it have fired?": an alert's past in words, while its rule is being typed.

use heartbeat_core::{
    Error,
    alert::{
        After,
        preview::{Preview, PreviewedFiring},
    },
    humanize,
    settings::Timezone,
};
use serde::Serialize;
use time::OffsetDateTime;

use super::{alert_form::AlertForm, ladder, when};
use crate::{App, http::problem::Problem};

/// Maximum number of firings that are listed.
const LISTED_MAX: usize = 10;

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct PreviewWords {
    pub(super) text: String,
    /// The firings, the newest first.
    pub(super) dates: Vec<String>,
    /// What is left out of them.
    pub(super) more: String,
}

impl PreviewWords {
    /// Asks what an alert as typed would have done. What is wrong with it is the answer, too.
    pub(super) async fn of(app: &App, form: &AlertForm, now: OffsetDateTime) -> Result<Self, Problem> {
        let (after, device, rest) = match form.previewed() {
            Ok(previewed) => previewed,
            Err(problem) => return Ok(Self::sentence(problem)),
        };
        let timezone = app.heartbeat.settings().await?.effective().timezone;
        match app.heartbeat.preview(after, device, rest).await {
            Ok(preview) => Ok(words(&preview, after, &timezone, now)),
            Err(Error::UnknownDevice) => Ok(Self::sentence("This device was erased.".to_owned())),
            Err(error) => Err(error.into()),
        }
    }

    fn sentence(text: String) -> Self {
        Self { text, dates: Vec::new(), more: String::new() }
    }
}

fn words(preview: &Preview, after: After, timezone: &Timezone, now: OffsetDateTime) -> PreviewWords {
    let Some(data_since) = preview.data_since else {
        return PreviewWords::sentence("No heartbeats are known yet by which to tell.".to_owned());
    };
    let Some(effective) = preview.effective_after else {
        return PreviewWords::sentence(
            "Too little is known yet of what is unusual for you. It takes 14 days of heartbeats.".to_owned(),
        );
    };
    let unusual = match after {
        After::Unusual => format!("At present, an absence of {} is unusual. ", ladder::span(effective)),
        After::Fixed(_) => String::new(),
    };
    let since = if (now - data_since).whole_days() >= 365 {
        "in the last year".to_owned()
    } else {
        format!("since {}", when::date(data_since, timezone))
    };
    let number = preview.firings.len();
    let text = match number {
        0 => format!("{unusual}It would not have fired {since}."),
        1 => format!("{unusual}It would have fired once {since}:"),
        number => format!("{unusual}It would have fired {number} times {since}:"),
    };
    let dates =
        preview.firings.iter().take(LISTED_MAX).map(|firing| sentence(firing, timezone, now)).collect();
    let more = match number.saturating_sub(LISTED_MAX) {
        0 => String::new(),
        more => format!("and {more} more."),
    };
    PreviewWords { text, dates, more }
}

/// Returns when a firing would have been, and how long you were away: `3 March 2026, 10:14 (away for 2 days 21 hr)`.
fn sentence(firing: &PreviewedFiring, timezone: &Timezone, now: OffsetDateTime) -> String {
    let fired_at = when::date_and_time(firing.fired_at, timezone);
    let away = humanize::duration((firing.ended_at.unwrap_or(now) - firing.since).whole_seconds());
    match firing.ended_at {
        Some(_) => format!("{fired_at} (away for {away})"),
        None => format!("{fired_at} (away for {away} until now)"),
    }
}

#[cfg(test)]
mod tests {
    use heartbeat_core::alert::Span;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-26 12:00 UTC);

    fn preview(firings: Vec<PreviewedFiring>) -> Preview {
        Preview {
            effective_after: Some(Span::from_seconds(129_600)),
            firings,
            data_since: Some(datetime!(2026-03-01 9:00 UTC)),
        }
    }

    fn text(preview: &Preview, after: &str) -> String {
        let after = After::parse(after).expect("a length");
        let words = words(preview, after, &Timezone::default(), NOW);
        [vec![words.text], words.dates, vec![words.more]].concat().join("|")
    }

    #[test]
    fn firings_are_dated() {
        let firing = PreviewedFiring {
            fired_at: datetime!(2026-08-03 8:12 UTC),
            since: datetime!(2026-08-01 20:12 UTC),
            ended_at: Some(datetime!(2026-08-03 19:40 UTC)),
        };
        assert_eq!(text(&preview(vec![]), "36h"), "It would not have fired since 1 March 2026.|");
        assert_eq!(
            text(&preview(vec![firing]), "36h"),
            "It would have fired once since 1 March 2026:|3 August 2026, 08:12 (away for 1 day 23 hr)|"
        );
        let many = text(&preview(vec![PreviewedFiring { ended_at: None, ..firing }; 12]), "unusual");
        let begin = "At present, an absence of 36 hours is unusual. It would have fired 12 times since 1 March 2026:|\
                     3 August 2026, 08:12 (away for 116 days 15 hr until now)|";
        assert!(many.starts_with(begin) && many.ends_with("|and 2 more."), "{many}");
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        let nothing = Preview { data_since: None, ..preview(vec![]) };
        assert_eq!(text(&nothing, "36h"), "No heartbeats are known yet by which to tell.|");
        let too_little = Preview { effective_after: None, ..preview(vec![]) };
        assert!(text(&too_little, "unusual").starts_with("Too little is known yet"));
    }
}
