//! A world in which time passes: what processes, the database and the dispatcher do with decisions, without any of them.

use std::collections::HashMap;

use time::{Duration, OffsetDateTime, macros::datetime};

use super::{
    After, Alert, AlertRule, Span, ToldKind, Window,
    decision::{Transition, decide},
    firing::{Firing, Note, Reached},
    past::Period,
    situation::{AlertChannel, DeviceBeats, Situation},
};
use crate::{
    channel::Audience,
    device::DeviceName,
    notify::event::EndedBy,
    settings::{Settings, Timezone},
};

/// Channel of the owner.
pub(super) const OWNER: i64 = 1;

/// Channel of a friend.
pub(super) const FRIEND: i64 = 2;

/// Channel of another friend, which the alert does not have at first.
pub(super) const OTHER: i64 = 3;

/// Device of the owner.
pub(super) const PHONE: i64 = 1;

/// Another one.
pub(super) const LAPTOP: i64 = 2;

/// The alert.
pub(super) const ALERT: i64 = 1;

/// The interval between evaluations.
pub(super) const TICK: Duration = Duration::MINUTE;

/// Something that a channel was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) at: OffsetDateTime,
    pub(super) channel: i64,
    pub(super) kind: ToldKind,
    pub(super) firing: i64,
}

/// A world with two devices, three channels, and an alert that tells the owner and a friend after an hour.
#[derive(Debug)]
pub(super) struct World {
    pub(super) situation: Situation,
    /// All firings.
    pub(super) firings: Vec<Firing>,
    /// What was sent.
    pub(super) heard: Vec<Heard>,
    /// Channels that nothing can be sent to.
    pub(super) down: Vec<i64>,
    /// Channels that refuse what is sent to them.
    pub(super) refusing: Vec<i64>,
    /// Beats and words of the owner, in their order.
    pub(super) signs: Vec<OffsetDateTime>,
    evaluated_at: Option<OffsetDateTime>,
    events: i64,
}

/// Noon of a Monday.
const START: OffsetDateTime = datetime!(2026-06-01 12:00 UTC);

impl World {
    pub(super) fn new() -> Self {
        let device = |id| DeviceBeats { id, is_sign_of_life: true, last_beat: None };
        let channel = |id, audience| AlertChannel {
            id,
            name: format!("Channel {id}"),
            audience,
            is_confirmed: true,
            is_disabled: false,
            wants_all: false,
        };
        let situation = Situation {
            now: START,
            settings: Settings::default(),
            snoozed_until: None,
            ok_at: None,
            outages: Vec::new(),
            devices: vec![device(PHONE), device(LAPTOP)],
            channels: vec![
                channel(OWNER, Audience::Owner),
                channel(FRIEND, Audience::Friend),
                channel(OTHER, Audience::Friend),
            ],
            alerts: vec![Alert { id: ALERT, rule: rule(), created_at: START }],
            unusual: HashMap::new(),
            tests: Vec::new(),
            firings: Vec::new(),
        };
        Self {
            situation,
            firings: Vec::new(),
            heard: Vec::new(),
            down: Vec::new(),
            refusing: Vec::new(),
            signs: Vec::new(),
            evaluated_at: None,
            events: 0,
        }
    }

    /// A world in which the phone beats right now.
    pub(super) fn with(change: impl FnOnce(&mut AlertRule)) -> Self {
        let mut world = Self::new();
        world.edit(change);
        world.beat(PHONE);
        world
    }

    pub(super) fn now(&self) -> OffsetDateTime {
        self.situation.now
    }

    pub(super) fn timezone(&mut self, name: &str, now: OffsetDateTime) {
        self.situation.settings.timezone = Timezone::parse(name).expect("a time zone");
        self.situation.now = now;
        self.beat(PHONE);
    }

    pub(super) fn edit(&mut self, change: impl FnOnce(&mut AlertRule)) {
        change(&mut self.situation.alerts[0].rule);
    }

    pub(super) fn beat(&mut self, device: i64) {
        let now = self.now();
        self.situation
            .devices
            .iter_mut()
            .filter(|it| it.id == device)
            .for_each(|it| it.last_beat = Some(now));
        self.signs.push(now);
        self.evaluate();
    }

    /// Beats each minute for so many minutes.
    pub(super) fn beats(&mut self, minutes: i64) {
        for _ in 0..minutes {
            self.beat(PHONE);
            self.pass(TICK);
        }
    }

    pub(super) fn ok(&mut self) {
        self.situation.ok_at = Some(self.now());
        self.signs.push(self.now());
        self.evaluate();
    }

    pub(super) fn snooze(&mut self, duration: Duration) {
        self.situation.snoozed_until = Some(self.now() + duration);
    }

    /// The reader of a channel has reached the owner.
    pub(super) fn reach(&mut self, channel: i64) {
        let reached = Some(Reached { at: self.now(), by: channel });
        let open = self.firings.iter_mut().filter(|firing| firing.ended.is_none());
        let open = open.filter(|firing| !firing.is_reached(self.situation.now));
        open.for_each(|firing| firing.reached = reached);
        self.evaluate();
    }

    /// Lets time pass, with an evaluation at each tick.
    pub(super) fn pass(&mut self, duration: Duration) {
        self.pass_by(duration, TICK);
    }

    pub(super) fn pass_by(&mut self, duration: Duration, tick: Duration) {
        let end = self.now() + duration;
        while self.now() < end {
            self.situation.now = (self.now() + tick).min(end);
            self.evaluate();
        }
    }

    /// Lets time pass without an evaluation, after which there is one.
    pub(super) fn outage(&mut self, duration: Duration) {
        self.situation.now += duration;
        self.evaluate();
    }

    /// Does what a process does at a tick: evaluates, then sends.
    pub(super) fn evaluate(&mut self) {
        let now = self.now();
        if let Some(started_at) = self.evaluated_at.filter(|at| now - *at >= Duration::minutes(10)) {
            self.situation.outages.push(Period { started_at, ended_at: now });
        }
        self.evaluated_at = Some(now);
        self.situation.snoozed_until = self.situation.snoozed_until.filter(|until| *until > now);
        for transition in decide(&self.as_read()) {
            self.write(transition);
        }
        self.send();
    }

    /// The situation as it is read.
    pub(super) fn as_read(&self) -> Situation {
        let mut situation = Situation { firings: self.relevant(), ..self.situation.clone() };
        let since = situation.counts_from();
        situation.outages.retain(|outage| since.is_some_and(|since| outage.ended_at > since));
        situation
    }

    /// The firings that are read.
    fn relevant(&self) -> Vec<Firing> {
        let last = |alert: &Alert| {
            let its = self.firings.iter().filter(|firing| firing.is_of(alert.id, alert.rule.device));
            its.max_by_key(|firing| firing.since).and_then(|firing| firing.id)
        };
        let last: Vec<i64> = self.situation.alerts.iter().filter_map(last).collect();
        let is_relevant =
            |firing: &&Firing| firing.resolved_at.is_none() || firing.id.is_some_and(|id| last.contains(&id));
        self.firings.iter().filter(is_relevant).cloned().collect()
    }

    /// What the statements write.
    fn write(&mut self, Transition { mut firing, messages, withdrawn }: Transition) {
        let is_same = |it: &Firing| it.is_of(firing.alert, firing.device) && it.since == firing.since;
        if firing.id.is_none() && self.firings.iter().any(is_same) {
            return;
        }
        for event in withdrawn {
            let note = firing.told.iter().find(|note| note.event == event).expect("a note");
            assert!(note.is_waiting && note.withdrawn_at.is_some(), "what was sent cannot be taken back");
        }
        for (channel, kind) in messages {
            for older in firing.told.iter_mut().filter(|note| note.channel == channel && note.is_waiting) {
                older.withdrawn_at = Some(self.situation.now);
                older.is_waiting = false;
            }
            firing.told.retain(|note| (note.channel, note.kind) != (channel, kind));
            let earlier = supersede(&mut firing.told, channel, kind);
            self.events += 1;
            firing.told.push(Note {
                channel,
                kind,
                earlier,
                event: self.events,
                queued_at: self.situation.now,
                sent_at: None,
                withdrawn_at: None,
                failed_at: None,
                is_waiting: true,
            });
        }
        if let Some(known) = self.firings.iter_mut().find(|it| it.id == firing.id) {
            *known = firing;
        } else {
            firing.id = i64::try_from(self.firings.len() + 1).ok();
            self.firings.push(firing);
        }
    }

    fn send(&mut self) {
        for firing in &mut self.firings {
            for note in firing.told.iter_mut().filter(|note| note.is_waiting && note.withdrawn_at.is_none()) {
                if self.refusing.contains(&note.channel) {
                    note.is_waiting = false;
                    note.failed_at = Some(self.situation.now);
                } else if !self.down.contains(&note.channel) {
                    note.is_waiting = false;
                    note.sent_at = Some(self.situation.now);
                    self.heard.push(Heard {
                        at: self.situation.now,
                        channel: note.channel,
                        kind: note.kind,
                        firing: firing.id.expect("an id"),
                    });
                }
            }
        }
    }

    /// Returns what a channel was sent, in words, and forgets it.
    pub(super) fn heard_by(&mut self, channel: i64) -> String {
        let (its, others) =
            std::mem::take(&mut self.heard).into_iter().partition(|heard| heard.channel == channel);
        self.heard = others;
        let words = |heard: &Heard| match heard.kind {
            ToldKind::Repeated(number) => format!("repeated {number}"),
            kind => kind.as_str().to_owned(),
        };
        let its: Vec<Heard> = its;
        its.iter().map(words).collect::<Vec<_>>().join(", ")
    }

    /// What ended the last absence that was told of.
    pub(super) fn ended_by(&self) -> Option<EndedBy> {
        self.firings.last()?.ended.map(|ended| ended.by)
    }
}

/// Forgets all repetitions that a channel was told but the last, and the last that it may have heard, where it is told another.
/// Returns how many it was told.
fn supersede(told: &mut Vec<Note>, channel: i64, kind: ToldKind) -> u32 {
    let is_earlier =
        |note: &Note| note.channel == channel && (1..kind.repetition()).contains(&note.kind.repetition());
    let was_told = told.iter().filter(|note| is_earlier(note) && note.withdrawn_at.is_none());
    let was_heard = was_told.clone().filter(|note| note.failed_at.is_none());
    let last = was_told.max_by_key(|note| note.kind.repetition()).map(|note| (note.event, note.earlier));
    let heard = was_heard.max_by_key(|note| note.kind.repetition()).map(|note| note.event);
    let kept = [last.map(|(event, _)| event), heard];
    told.retain(|note| !is_earlier(note) || kept.contains(&Some(note.event)));
    last.map_or(0, |(_, earlier)| earlier + 1)
}

/// An alert for the owner and a friend, after an hour.
fn rule() -> AlertRule {
    AlertRule {
        name: DeviceName::parse("One hour").expect("a name"),
        after: After::Fixed(span("1h")),
        device: None,
        channels: vec![OWNER, FRIEND],
        repeat: None,
        rest: None,
        quiet: None,
        message: None,
        enabled: true,
    }
}

pub(super) fn span(text: &str) -> Span {
    Span::parse(text).expect(text)
}

pub(super) fn after(text: &str) -> After {
    After::Fixed(span(text))
}

pub(super) fn window(text: &str) -> Window {
    Window::parse(text).expect(text)
}
