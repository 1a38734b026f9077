//! Alerts: rules that notify while an absence lasts.
//!
//! - [`absence`]: absences of several devices together.
//! - [`clock`]: the clock by which absences last.
//! - [`decision`]: what alerts tell, and when.
//! - [`firing`]: what is known of an alert that fired.
//! - [`notice`]: what an event tells of a firing.
//! - `outlook`: what an alert is doing, as the owner sees it.
//! - [`past`]: the past, as alerts look at it.
//! - [`preview`]: when an alert would have fired.
//! - [`situation`]: all that is looked at to decide.
//! - [`span`]: durations as people write them: `45m`, `36h`, `7d`.
//! - [`status`]: what the owner sees of an alert besides its rule.
//! - [`unusual`]: which absences are unusual.
//! - [`window`]: a daily time of the wall clock, such as `23:00-07:00`.

pub mod absence;
pub mod clock;
pub mod decision;
pub mod firing;
pub mod notice;
mod outlook;
pub mod past;
pub mod preview;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod simulation;
pub mod situation;
pub mod span;
pub mod status;
#[cfg(test)]
mod table_tests;
pub mod unusual;
pub mod window;

use time::OffsetDateTime;

pub use span::Span;
pub use status::{AlertState, AlertStatus, FiringStatus, LinkedFiring, Told, ToldKind};
pub use window::Window;

/// Maximum number of alerts.
pub const ALERTS_MAX: i64 = 50;

/// Maximum length of the owner's own words, in characters (Unicode scalar values).
pub const MESSAGE_MAX_CHARS: usize = 500;

/// The shortest absence that an alert can be about.
pub const AFTER_MIN: Span = Span::from_seconds(600);

/// The longest absence that an alert can be about.
pub const AFTER_MAX: Span = Span::from_seconds(366 * 86_400);

/// The shortest interval of repetitions.
pub const REPEAT_MIN: Span = Span::from_seconds(3_600);

/// Length of the absence that an alert tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// At least [`AFTER_MIN`].
    Fixed(Span),
    /// One that is unusual for the owner, see [`unusual`].
    Unusual,
}

impl After {
    /// Word for [`After::Unusual`] in the API and in forms.
    pub const UNUSUAL: &str = "unusual";

    /// Parses a duration such as `36h`, or the word `unusual`. Fails with what is expected.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text == Self::UNUSUAL {
            return Ok(Self::Unusual);
        }
        let span = Span::parse(text).filter(|span| (AFTER_MIN..=AFTER_MAX).contains(span));
        span.map(Self::Fixed).ok_or("a duration of 10m to 366d, such as 36h, or the word unusual")
    }
}

impl std::fmt::Display for After {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fixed(span) => span.fmt(f),
            Self::Unusual => f.write_str(Self::UNUSUAL),
        }
    }
}

/// Parses an interval of repetitions. Fails with what is expected.
pub fn parse_repeat(text: &str) -> Result<Span, &'static str> {
    let span = Span::parse(text).filter(|span| (REPEAT_MIN..=AFTER_MAX).contains(span));
    span.ok_or("a duration of 1h to 366d, such as 12h")
}

/// The owner's own words in notifications: 1 to 500 characters, no control characters but line breaks, no whitespace around them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertMessage(String);

impl AlertMessage {
    /// Parses words as typed. `None` if there are none. Fails with what is expected.
    pub fn parse(text: &str) -> Result<Option<Self>, &'static str> {
        let text = text.replace("\r\n", "\n");
        let text = text.trim();
        if text.chars().any(|c| c.is_control() && c != '\n') || text.chars().count() > MESSAGE_MAX_CHARS {
            return Err("a text of at most 500 characters, without control characters");
        }
        Ok((!text.is_empty()).then(|| Self(text.to_owned())))
    }

    /// Returns the words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the owner decides of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRule {
    /// Name, as the owner sees it: like that of a device.
    pub name: crate::device::DeviceName,
    /// Length of the absence that it tells of.
    pub after: After,
    /// The device whose absence it is; `None` if it is that of all.
    pub device: Option<i64>,
    /// Ids of the channels that are told.
    pub channels: Vec<i64>,
    /// Interval of repetitions, if there are any.
    pub repeat: Option<Span>,
    /// Time that is not counted.
    pub rest: Option<Window>,
    /// Time for which notifications to the owner wait.
    pub quiet: Option<Window>,
    /// The owner's own words.
    pub message: Option<AlertMessage>,
    /// Whether it fires.
    pub enabled: bool,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Alert id.
    pub id: i64,
    /// What the owner decides of it.
    pub rule: AlertRule,
    /// When it was made.
    pub created_at: OffsetDateTime,
}
