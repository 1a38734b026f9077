//! Firings: one alert and one absence.

use time::{Duration, OffsetDateTime};

use super::ToldKind;
use crate::notify::event::EndedBy;

/// Repetitions that a friend is told of one firing at most.
pub const FRIEND_REPETITIONS_MAX: u32 = 5;

/// Different minutes with a beat after which friends are told that an absence is over: one beat may be an accident.
pub const MINUTES_UNTIL_CERTAIN: i16 = 3;

/// Time without repetitions after a friend has reached the owner. Who says so once more within it is not told of again.
pub const REACHED_PAUSE: Duration = Duration::hours(12);

/// An alert that fired for an absence, and what it told of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firing {
    /// Its id; `None` if it is not in the database yet.
    pub id: Option<i64>,
    /// Id of the alert, which may be deleted.
    pub alert: i64,
    /// Name of the alert when it fired.
    pub name: String,
    /// The device whose absence it is; `None` if it is that of all. It may be erased.
    pub device: Option<i64>,
    /// The last sign of life before the absence.
    pub since: OffsetDateTime,
    /// When it fired.
    pub fired_at: OffsetDateTime,
    /// How often it was repeated.
    pub repetitions: u32,
    /// When it was last repeated.
    pub repeated_at: Option<OffsetDateTime>,
    /// When and by what the absence ended.
    pub ended: Option<Ended>,
    /// Different minutes with a beat since then that were seen, up to [`MINUTES_UNTIL_CERTAIN`].
    pub minutes: i16,
    /// The last of them.
    pub last_minute: Option<OffsetDateTime>,
    /// Which friend has reached the owner.
    pub reached: Option<Reached>,
    /// When nothing was left to tell.
    pub resolved_at: Option<OffsetDateTime>,
    /// What was told, in the order in which it was.
    pub told: Vec<Note>,
}

/// The end of an absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// When the first sign of life was that was seen.
    pub at: OffsetDateTime,
    /// What it was.
    pub by: EndedBy,
}

/// A friend has reached the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reached {
    /// When the friend said so.
    pub at: OffsetDateTime,
    /// Id of the channel by which the friend had been told.
    pub by: i64,
}

/// Something that one channel was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Id of the channel.
    pub channel: i64,
    /// What it was told.
    pub kind: ToldKind,
    /// Repetitions that the channel was told before, if this is one: not all of them are kept.
    pub earlier: u32,
    /// Id of the event in the outbox.
    pub event: i64,
    /// When that was decided.
    pub queued_at: OffsetDateTime,
    /// When the channel's service had taken it.
    pub sent_at: Option<OffsetDateTime>,
    /// When it was taken back.
    pub withdrawn_at: Option<OffsetDateTime>,
    /// When it was given up, if it has certainly not arrived.
    pub failed_at: Option<OffsetDateTime>,
    /// Whether no attempt to send it was made yet, and none is made before the evaluation ends.
    pub is_waiting: bool,
}

impl Firing {
    /// Whether it is about the absence of `device`, for alert `alert`.
    #[must_use]
    pub fn is_of(&self, alert: i64, device: Option<i64>) -> bool {
        self.alert == alert && self.device == device
    }

    /// Returns what `channel` was told and was not taken back.
    pub fn told(&self, channel: i64) -> impl Iterator<Item = &Note> {
        self.told.iter().filter(move |note| note.channel == channel && note.withdrawn_at.is_none())
    }

    /// Whether something about this absence may have arrived at `channel`, or may yet: who heard nothing need not hear of its end.
    #[must_use]
    pub fn may_have_heard(&self, channel: i64) -> bool {
        self.told(channel).any(|note| note.failed_at.is_none() && note.kind != ToldKind::Resolved)
    }

    /// Returns the ids of all channels that were ever told, each once.
    #[must_use]
    pub fn told_channels(&self) -> Vec<i64> {
        let mut channels: Vec<i64> = self.told.iter().map(|note| note.channel).collect();
        channels.sort_unstable();
        channels.dedup();
        channels
    }

    /// Returns how often `channel` was told that the absence still lasts.
    #[must_use]
    pub fn repetitions_told(&self, channel: i64) -> u32 {
        let repetitions = self.told(channel).filter(|note| note.kind.repetition() > 0);
        repetitions.map(|note| note.earlier.saturating_add(1)).max().unwrap_or_default()
    }

    /// Returns how often something was told, what was taken back left out.
    #[must_use]
    pub fn told_count(&self) -> usize {
        let is_told = |note: &&Note| note.withdrawn_at.is_none() && note.kind.repetition() == 0;
        let repetitions = self.told_channels().into_iter().map(|channel| self.repetitions_told(channel));
        self.told.iter().filter(is_told).count() + repetitions.map(|told| told as usize).sum::<usize>()
    }

    /// Returns when it last fired or was repeated; if nobody could be told when it fired, as in quiet hours, when somebody was.
    #[must_use]
    pub fn last_told_at(&self) -> OffsetDateTime {
        let first = self.told_of_absence().min().unwrap_or(self.fired_at);
        self.repeated_at.unwrap_or(self.fired_at).max(first)
    }

    /// Returns the last time that somebody was told that the absence lasts.
    #[must_use]
    pub fn newest_told_at(&self) -> Option<OffsetDateTime> {
        self.told_of_absence().max()
    }

    /// When channels were told that the absence lasts.
    fn told_of_absence(&self) -> impl Iterator<Item = OffsetDateTime> {
        let notes = self.told.iter().filter(|note| note.withdrawn_at.is_none());
        let notes = notes.filter(|note| note.kind == ToldKind::Fired || note.kind.repetition() > 0);
        notes.map(|note| note.queued_at)
    }

    /// Whether a friend has reached the owner so lately that nothing is repeated.
    #[must_use]
    pub fn is_reached(&self, now: OffsetDateTime) -> bool {
        self.reached.is_some_and(|reached| (Duration::ZERO..REACHED_PAUSE).contains(&(now - reached.at)))
    }
}
