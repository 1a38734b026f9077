//! All that is looked at to decide what alerts tell, as of one moment.

use std::collections::HashMap;

use time::{Duration, OffsetDateTime};

use super::{After, Alert, Span, clock::Clock, firing::Firing, past::Period};
use crate::{channel::Audience, settings::Settings};

/// The longest time after an outage for which nothing fires or is repeated: devices have to be heard first.
const GRACE_MAX: Duration = Duration::minutes(15);

/// How late what is due may be told: within this time after its moment, even where `rest` has begun since.
const PROMPTNESS: Duration = Duration::seconds(70);

/// A situation.
#[derive(Debug, Clone)]
pub struct Situation {
    /// As of when, by the database's clock. Nothing that it holds is younger, or not believed.
    pub now: OffsetDateTime,
    /// Settings as they apply.
    pub settings: Settings,
    /// The end of the snooze, if there is one that has not ended.
    pub snoozed_until: Option<OffsetDateTime>,
    /// When the owner last said that they are well.
    pub ok_at: Option<OffsetDateTime>,
    /// Times at which the service could hear no beat, in their order: those that had not ended when a clock began to count.
    pub outages: Vec<Period>,
    /// All devices.
    pub devices: Vec<DeviceBeats>,
    /// All channels, that of the configuration included.
    pub channels: Vec<AlertChannel>,
    /// All alerts.
    pub alerts: Vec<Alert>,
    /// Lengths of unusual absences, by alert. One is missing where too little is known.
    pub unusual: HashMap<i64, Span>,
    /// Ids of alerts of which a test was asked for.
    pub tests: Vec<i64>,
    /// Firings of which something may be left to tell, and the last one of each alert.
    pub firings: Vec<Firing>,
}

/// What alerts need to know of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceBeats {
    /// Device id.
    pub id: i64,
    /// Whether its beats are those of a person.
    pub is_sign_of_life: bool,
    /// Its last beat.
    pub last_beat: Option<OffsetDateTime>,
}

/// What alerts need to know of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertChannel {
    /// Channel id.
    pub id: i64,
    /// Name, as the owner sees it.
    pub name: String,
    /// Who reads it.
    pub audience: Audience,
    /// Whether its reader, a friend, has confirmed it. Those of the owner need not be.
    pub is_confirmed: bool,
    /// Whether nothing is sent to it.
    pub is_disabled: bool,
    /// Whether it subscribes to the events of all alerts.
    pub wants_all: bool,
}

impl Situation {
    /// Returns the alert that has this id.
    #[must_use]
    pub fn alert(&self, id: i64) -> Option<&Alert> {
        self.alerts.iter().find(|alert| alert.id == id)
    }

    /// Returns the channel that has this id, unless it is gone.
    #[must_use]
    pub fn channel(&self, id: i64) -> Option<&AlertChannel> {
        self.channels.iter().find(|channel| channel.id == id)
    }

    /// Returns the channels that an alert tells: those that it names and that are there, and those that want all alerts.
    pub fn channels_of(&self, alert: &Alert) -> impl Iterator<Item = &AlertChannel> {
        let is_told = |it: &&AlertChannel| it.wants_all || alert.rule.channels.contains(&it.id);
        self.channels.iter().filter(is_told)
    }

    /// Returns the names of those of its channels that are friends' and not confirmed, but for disabled ones.
    #[must_use]
    pub fn unconfirmed(&self, alert: &Alert) -> Vec<String> {
        let unconfirmed = self.channels_of(alert).filter(|it| !it.is_confirmed && !it.is_disabled);
        unconfirmed.map(|channel| channel.name.clone()).collect()
    }

    /// Returns the names of those of its channels that nothing is sent to.
    #[must_use]
    pub fn disabled(&self, alert: &Alert) -> Vec<String> {
        let disabled = self.channels_of(alert).filter(|channel| channel.is_disabled);
        disabled.map(|channel| channel.name.clone()).collect()
    }

    /// Whether the device is there; all devices together always are.
    #[must_use]
    pub fn has_device(&self, device: Option<i64>) -> bool {
        device.is_none_or(|id| self.devices.iter().any(|device| device.id == id))
    }

    /// Returns the last beat of `device`, or of any that is a sign of life.
    #[must_use]
    pub fn last_beat(&self, device: Option<i64>) -> Option<OffsetDateTime> {
        let counts = |it: &&DeviceBeats| device.map_or(it.is_sign_of_life, |id| it.id == id);
        let beats = self.devices.iter().filter(counts).filter_map(|device| device.last_beat);
        beats.filter(|beat| *beat <= self.now).max()
    }

    /// Returns the last sign of life that counts for an alert: a beat, the word of the owner, or what ended the last absence
    /// that it fired for. So an absence that has ended does not come back where a beat is taken back, as when a device is
    /// erased. `None` before the first beat.
    #[must_use]
    pub fn last_sign_of_life(&self, alert: &Alert) -> Option<OffsetDateTime> {
        let beat = self.last_beat(alert.rule.device)?;
        let firings = self.firings.iter().filter(|firing| firing.is_of(alert.id, alert.rule.device));
        let ends = firings.filter_map(|firing| Some(firing.ended?.at)).filter(|end| *end <= self.now);
        Some(ends.chain(self.ok_at).fold(beat, OffsetDateTime::max))
    }

    /// Returns the earliest moment from which the clock of an alert counts. An outage that ended before makes no difference, not
    /// even by the time for which nothing fires after it: an absence that began later lasts for longer. `None` if none counts.
    #[must_use]
    pub fn counts_from(&self) -> Option<OffsetDateTime> {
        let open = self.firings.iter().filter(|firing| firing.resolved_at.is_none());
        let signs = self.alerts.iter().filter_map(|alert| self.last_sign_of_life(alert));
        open.map(|firing| firing.since).chain(signs).min()
    }

    /// Returns the length of the absence that an alert tells of; `None` where too little is known.
    #[must_use]
    pub fn effective_after(&self, alert: &Alert) -> Option<Span> {
        match alert.rule.after {
            After::Fixed(after) => Some(after),
            After::Unusual => self.unusual.get(&alert.id).copied(),
        }
    }

    /// Returns the clock by which an alert counts.
    #[must_use]
    pub fn clock(&self, alert: &Alert) -> Clock<'_> {
        Clock::new(&self.settings.timezone, alert.rule.rest, &self.outages)
    }

    /// Returns the first moment at which an alert tells of an absence, if that lasts: its length has elapsed by then, and
    /// devices had the time to be heard after the last outage. `None` if that never comes.
    #[must_use]
    pub fn fires_at(&self, alert: &Alert, since: OffsetDateTime) -> Option<OffsetDateTime> {
        let after = self.effective_after(alert)?;
        let elapsed = self.clock(alert).fires_at(since, after)?;
        let outage = self.outages.last().map(|outage| outage.ended_at).filter(|end| *end <= self.now);
        let grace = Duration::seconds(after.seconds()).min(GRACE_MAX);
        Some(outage.map_or(elapsed, |end| elapsed.max(end.saturating_add(grace))))
    }

    /// Whether what an alert tells at `moment` is to be told now: not in `rest`, unless that has begun just since.
    #[must_use]
    pub fn is_due(&self, alert: &Alert, moment: OffsetDateTime) -> bool {
        let late = self.now - moment;
        let is_prompt =
            late <= PROMPTNESS && !self.is_in_rest(alert, moment.saturating_sub(Duration::MICROSECOND));
        late >= Duration::ZERO && (is_prompt || !self.is_in_rest(alert, self.now))
    }

    /// Whether the clock of an alert stands still at `moment`.
    #[must_use]
    pub fn is_in_rest(&self, alert: &Alert, moment: OffsetDateTime) -> bool {
        let rest = Clock::new(&self.settings.timezone, alert.rule.rest, &[]);
        rest.elapsed(moment, moment.saturating_add(Duration::MICROSECOND)).is_zero()
    }

    /// Whether notifications of an alert to this audience wait.
    #[must_use]
    pub fn is_quiet(&self, alert: Option<&Alert>, audience: Audience) -> bool {
        let quiet = alert.and_then(|alert| alert.rule.quiet).filter(|_| audience == Audience::Owner);
        let local = self.settings.timezone.local(self.now);
        quiet.zip(local).is_some_and(|(quiet, local)| quiet.contains(local.time()))
    }
}
