//! What the owner sees of an alert besides its rule: what it is doing, and what it told.

use time::OffsetDateTime;

use super::{Alert, Span, firing::Firing};
use crate::notify::event::EndedBy;

/// Notifications of one firing that are shown at most.
const TOLD_MAX: usize = 100;

/// An alert, and what it is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertStatus {
    /// The alert.
    pub alert: Alert,
    /// Length of the absence that it tells of at present; `None` as long as nothing can be said of what is unusual.
    pub effective_after: Option<Span>,
    /// What it is doing.
    pub state: AlertState,
    /// Names of its channels whose readers, friends, have not confirmed them, but for disabled ones.
    pub unconfirmed: Vec<String>,
    /// Names of its channels that nothing is sent to.
    pub disabled: Vec<String>,
}

/// What an alert is doing. Where several apply, it is the first of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertState {
    /// It is switched off.
    Disabled,
    /// It fired, and the absence goes on, or not all who were told of it were told of its end.
    Firing(FiringStatus),
    /// It has no channel that it could tell.
    NoChannels,
    /// It tells of unusual absences, and too little is known of the usual ones.
    NotEnoughData,
    /// No alert fires before the snooze ends.
    Snoozed {
        /// When that is.
        until: OffsetDateTime,
    },
    /// An absence of five minutes and more is under way.
    Waiting {
        /// The last sign of life.
        since: OffsetDateTime,
        /// When it fires if there is none until then: with `rest` and the outages so far left out. `None` if `rest` is the
        /// whole day, which never lets it fire.
        fires_at: Option<OffsetDateTime>,
    },
    /// There is nothing to tell.
    Armed,
}

impl AlertState {
    /// Returns its name, as the API writes it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Firing(_) => "firing",
            Self::NoChannels => "no_channels",
            Self::NotEnoughData => "not_enough_data",
            Self::Snoozed { .. } => "snoozed",
            Self::Waiting { .. } => "waiting",
            Self::Armed => "armed",
        }
    }
}

/// A firing, as the owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiringStatus {
    /// Its id.
    pub id: i64,
    /// The last sign of life before the absence.
    pub since: OffsetDateTime,
    /// When the alert fired.
    pub fired_at: OffsetDateTime,
    /// How often it was repeated.
    pub repetitions: u32,
    /// When a friend said that they have reached the owner.
    pub reached_at: Option<OffsetDateTime>,
    /// Id of the channel by which that friend was told.
    pub reached_by: Option<i64>,
    /// When the absence ended. Friends may not have been told yet.
    pub ended_at: Option<OffsetDateTime>,
    /// What ended it.
    pub ended_by: Option<EndedBy>,
    /// What was told, in the order in which it was: the newest of it, and of all repetitions that a channel was told the last.
    pub told: Vec<Told>,
    /// How often something was told, what was taken back left out.
    pub told_count: usize,
}

impl From<&Firing> for FiringStatus {
    fn from(firing: &Firing) -> Self {
        let newest = firing.told.iter().skip(firing.told.len().saturating_sub(TOLD_MAX));
        let told = newest.map(|note| Told {
            channel: note.channel,
            kind: note.kind,
            queued_at: note.queued_at,
            sent_at: note.sent_at,
            withdrawn_at: note.withdrawn_at,
        });
        Self {
            id: firing.id.unwrap_or_default(),
            since: firing.since,
            fired_at: firing.fired_at,
            repetitions: firing.repetitions,
            reached_at: firing.reached.map(|reached| reached.at),
            reached_by: firing.reached.map(|reached| reached.by),
            ended_at: firing.ended.map(|ended| ended.at),
            ended_by: firing.ended.map(|ended| ended.by),
            told: told.collect(),
            told_count: firing.told_count(),
        }
    }
}

/// What was told of a firing, to one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Id of the channel, which may be deleted by now.
    pub channel: i64,
    /// What it was told.
    pub kind: ToldKind,
    /// When that was decided. It waits in the outbox from then on.
    pub queued_at: OffsetDateTime,
    /// When the channel's service had taken it.
    pub sent_at: Option<OffsetDateTime>,
    /// When it was taken back, before any attempt to send it, or the channel got another reader, who does not know of it.
    pub withdrawn_at: Option<OffsetDateTime>,
}

/// What a channel is told of a firing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ToldKind {
    /// The absence has lasted for as long as the alert says.
    Fired,
    /// It still lasts. Repetitions count from 1.
    Repeated(u32),
    /// A friend has reached the owner.
    Reached,
    /// It is over.
    Resolved,
}

impl ToldKind {
    /// Returns its name, as the API and the database write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Repeated(_) => "repeated",
            Self::Reached => "reached",
            Self::Resolved => "resolved",
        }
    }

    /// Returns the number of the repetition; 0 for all other kinds.
    #[must_use]
    pub fn repetition(self) -> u32 {
        if let Self::Repeated(number) = self { number } else { 0 }
    }

    /// Returns the kind that the database has; `None` if a newer program wrote it.
    #[must_use]
    pub fn stored(kind: &str, repetition: i32) -> Option<Self> {
        match kind {
            "fired" => Some(Self::Fired),
            "repeated" => Some(Self::Repeated(u32::try_from(repetition).ok()?)),
            "reached" => Some(Self::Reached),
            "resolved" => Some(Self::Resolved),
            _ => None,
        }
    }
}

/// What has become of the firing that a link in a notification is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkedFiring {
    /// The absence goes on: the link does what it says.
    Open {
        /// Name of the alert, for its owner alone.
        alert_name: String,
        /// When a friend said that they have reached the owner, within the last twelve hours.
        reached_at: Option<OffsetDateTime>,
    },
    /// The absence is over, or the alert forgotten: the link does nothing.
    Over,
    /// It was a test: the link does nothing.
    Test,
}
