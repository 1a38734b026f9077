//! The decision: what alerts tell, and when. A pure function of the situation.
//!
//! What each channel should have been told of each firing is compared with what it was told, and the difference is told
//! when that is allowed. So quiet hours, snoozes, channels that are added, and changes of rules need no cases of their own.

use std::collections::HashSet;

use time::{Duration, OffsetDateTime};

use super::{
    Alert, REPEAT_MIN, ToldKind,
    firing::{Ended, FRIEND_REPETITIONS_MAX, Firing, MINUTES_UNTIL_CERTAIN, Note, Reached},
    situation::{AlertChannel, Situation},
};
use crate::{channel::Audience, notify::event::EndedBy};

/// What becomes of a firing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The firing as it is from now on, but for what is told.
    pub firing: Firing,
    /// What is told, to which channels. Each is told one thing at a time.
    pub messages: Vec<(i64, ToldKind)>,
    /// Events that are taken back: out of date before any attempt to send them.
    pub withdrawn: Vec<i64>,
}

/// Decides what is to be told now. Returns the firings of which something changes.
#[must_use]
pub fn decide(situation: &Situation) -> Vec<Transition> {
    let mut firings: Vec<Firing> =
        situation.firings.iter().filter(|firing| firing.resolved_at.is_none()).cloned().collect();
    for firing in &mut firings {
        end(situation, firing);
        count_minute(situation, firing);
    }
    let opened: Vec<Firing> =
        situation.alerts.iter().filter_map(|alert| open(situation, alert, &firings)).collect();
    firings.extend(opened);
    // Newer ones first: who is told of one is not told the end of an older one.
    firings.sort_by_key(|firing| std::cmp::Reverse(firing.since));
    let mut elsewhere = Elsewhere::default();
    for firing in &situation.firings {
        elsewhere.note_presses(firing);
        if firing.resolved_at.is_some() {
            elsewhere.note_told(firing);
        }
    }
    let transitions = firings.into_iter().map(|firing| tell(situation, firing, &mut elsewhere));
    transitions.filter(|transition| is_change(situation, transition)).collect()
}

fn is_change(situation: &Situation, transition: &Transition) -> bool {
    let Transition { firing, messages, withdrawn } = transition;
    let before = situation.firings.iter().find(|before| before.id == firing.id);
    !messages.is_empty() || !withdrawn.is_empty() || before != Some(firing)
}

/// Ends the absence of a firing, if there was a sign of life since.
fn end(situation: &Situation, firing: &mut Firing) {
    if firing.ended.is_some() {
        return;
    }
    // A time in the future is one of a clock that was wrong: any sign of life is later.
    let is_later = |sign: &OffsetDateTime| *sign > firing.since || firing.since > situation.now;
    let ok = situation.ok_at.filter(is_later).map(|at| Ended { at, by: EndedBy::Ok });
    let beat = situation.last_beat(firing.device).filter(is_later).map(|at| Ended { at, by: EndedBy::Beat });
    let erased = Some(Ended { at: situation.now, by: EndedBy::Erased });
    firing.ended = ok.or(beat).or(erased.filter(|_| !situation.has_device(firing.device)));
}

/// Counts the minute of the last beat after the absence, if it was not yet.
fn count_minute(situation: &Situation, firing: &mut Firing) {
    if firing.ended.is_none_or(|ended| ended.by != EndedBy::Beat) || firing.minutes >= MINUTES_UNTIL_CERTAIN {
        return;
    }
    let beat =
        situation.last_beat(firing.device).filter(|beat| firing.ended.is_some_and(|end| *beat >= end.at));
    let minute = beat.and_then(|beat| beat.replace_second(0).ok()?.replace_nanosecond(0).ok());
    if minute > firing.last_minute.filter(|last| *last <= situation.now) {
        firing.minutes += 1;
        firing.last_minute = minute;
    }
}

/// Fires an alert, if the absence has lasted for long enough, and it has not fired for it yet.
fn open(situation: &Situation, alert: &Alert, firings: &[Firing]) -> Option<Firing> {
    let device = alert.rule.device;
    let is_open = |firing: &Firing| firing.is_of(alert.id, device) && firing.ended.is_none();
    if firings.iter().any(is_open) || situation.channels_of(alert).next().is_none() {
        return None;
    }
    // Of the firings that end right now, too.
    let ends =
        firings.iter().filter(|firing| firing.is_of(alert.id, device)).filter_map(|firing| firing.ended);
    let since = ends.map(|ended| ended.at).fold(situation.last_sign_of_life(alert)?, OffsetDateTime::max);
    may_tell(situation, alert, since).then(|| Firing {
        id: None,
        alert: alert.id,
        name: alert.rule.name.as_str().to_owned(),
        device,
        since,
        fired_at: situation.now,
        repetitions: 0,
        repeated_at: None,
        ended: None,
        minutes: 0,
        last_minute: None,
        reached: None,
        resolved_at: None,
        told: Vec::new(),
    })
}

/// Whether an alert may tell now that an absence lasts.
fn may_tell(situation: &Situation, alert: &Alert, since: OffsetDateTime) -> bool {
    told_from(situation, alert, since).is_some_and(|moment| situation.is_due(alert, moment))
}

/// Returns the moment from which on an alert may tell of an absence, if it tells of any.
fn told_from(situation: &Situation, alert: &Alert, since: OffsetDateTime) -> Option<OffsetDateTime> {
    let tells = alert.rule.enabled && situation.snoozed_until.is_none();
    situation.fires_at(alert, since).filter(|_| tells)
}

/// What channels were told of other firings.
#[derive(Debug, Default)]
struct Elsewhere {
    /// Channels that were told of newer ones, by alert and device, and whether the absence has ended.
    newer: HashSet<(i64, Option<i64>, i64, bool)>,
    /// Channels that know that a friend has reached the owner: it is told once, of however many firings it is true.
    presses: HashSet<(i64, Reached)>,
}

impl Elsewhere {
    fn note(&mut self, firing: &Firing, channel: i64) {
        self.newer.insert((firing.alert, firing.device, channel, firing.ended.is_some()));
    }

    fn note_presses(&mut self, firing: &Firing) {
        let Some(reached) = firing.reached else { return };
        let told =
            firing.told.iter().filter(|note| note.withdrawn_at.is_none() && note.kind == ToldKind::Reached);
        let told = told.filter(|note| note.queued_at >= reached.at);
        self.presses.extend(told.map(|note| (note.channel, reached)));
    }

    fn note_told(&mut self, firing: &Firing) {
        let may_have_arrived = |note: &&Note| note.withdrawn_at.is_none() && note.failed_at.is_none();
        firing.told.iter().filter(may_have_arrived).for_each(|note| self.note(firing, note.channel));
    }

    /// Whether the channel was told of one whose absence goes on (`false`) or has ended (`true`).
    fn has(&self, firing: &Firing, channel: i64, ended: bool) -> bool {
        self.newer.contains(&(firing.alert, firing.device, channel, ended))
    }
}

/// Decides what is told of one firing.
fn tell(situation: &Situation, mut firing: Firing, elsewhere: &mut Elsewhere) -> Transition {
    // An alert that is about another device by now has nothing to do with it.
    let alert = situation.alert(firing.alert).filter(|alert| alert.rule.device == firing.device);
    let withdrawn = withdraw(situation, &mut firing, alert);
    let messages = if firing.ended.is_some() {
        let (messages, is_done) = tell_end(situation, &firing, alert, elsewhere);
        firing.resolved_at = is_done.then_some(situation.now);
        messages
    } else {
        let is_repeated = alert.is_some_and(|alert| repeat(situation, &mut firing, alert));
        let may_tell = alert.is_some_and(|alert| may_tell(situation, alert, firing.since));
        tell_absence(situation, &firing, alert, may_tell || is_repeated, elsewhere)
    };
    elsewhere.note_told(&firing);
    for (channel, kind) in &messages {
        elsewhere.note(&firing, *channel);
        let reached = firing.reached.filter(|_| *kind == ToldKind::Reached);
        elsewhere.presses.extend(reached.map(|reached| (*channel, reached)));
    }
    Transition { firing, messages, withdrawn }
}

/// Takes back what no attempt was made to send and is out of date: the absence is over, or the alert does not tell this
/// channel any more; or it is the end of an absence of which the channel has heard nothing. Returns the events.
fn withdraw(situation: &Situation, firing: &mut Firing, alert: Option<&Alert>) -> Vec<i64> {
    let alert = alert.filter(|alert| alert.rule.enabled && firing.ended.is_none());
    let is_current =
        |channel| alert.is_some_and(|alert| situation.channels_of(alert).any(|it| it.id == channel));
    let channels = firing.told_channels();
    let deaf: Vec<i64> = channels.into_iter().filter(|channel| !firing.may_have_heard(*channel)).collect();
    let waiting = firing.told.iter_mut().filter(|note| note.is_waiting && note.withdrawn_at.is_none());
    let outdated = waiting.filter(|note| match note.kind {
        ToldKind::Resolved => deaf.contains(&note.channel),
        _ => !is_current(note.channel),
    });
    outdated
        .map(|note| {
            note.withdrawn_at = Some(situation.now);
            note.event
        })
        .collect()
}

/// Returns what is told of an absence that is over, and whether that is all.
fn tell_end(
    situation: &Situation,
    firing: &Firing,
    alert: Option<&Alert>,
    elsewhere: &Elsewhere,
) -> (Vec<(i64, ToldKind)>, bool) {
    let is_certain = is_certain(situation, firing);
    let mut messages = Vec::new();
    let mut is_done = true;
    for id in firing.told_channels() {
        let Some(channel) = situation.channel(id) else { continue };
        let is_resolved = firing.told(id).any(|note| note.kind == ToldKind::Resolved);
        if !firing.may_have_heard(id) || is_resolved || elsewhere.has(firing, id, true) {
            continue;
        }
        // The newer one is resolved, unless it is taken back before it is sent.
        let is_superseded = elsewhere.has(firing, id, false);
        let is_time = channel.audience == Audience::Owner || is_certain;
        if is_time && !is_superseded && !situation.is_quiet(alert, channel.audience) {
            messages.push((id, ToldKind::Resolved));
        } else {
            is_done = false;
        }
    }
    (messages, is_done)
}

/// Whether friends may be told that an absence is over.
fn is_certain(situation: &Situation, firing: &Firing) -> bool {
    let Some(ended) = firing.ended else { return false };
    ended.by != EndedBy::Beat
        || firing.minutes >= MINUTES_UNTIL_CERTAIN
        || situation.ok_at.is_some_and(|ok| ok > ended.at)
        || !situation.has_device(firing.device)
}

/// Repeats a firing, if it is time and there is a channel that is told. Returns whether it did.
fn repeat(situation: &Situation, firing: &mut Firing, alert: &Alert) -> bool {
    let is_told = |channel: &AlertChannel| {
        firing.told(channel.id).next().is_some() && wants_repetition(firing, channel)
    };
    let told_from = told_from(situation, alert, firing.since).filter(|_| !firing.is_reached(situation.now));
    let repeated = alert
        .rule
        .repeat
        .and_then(|interval| situation.clock(alert).fires_at(firing.last_told_at(), interval));
    // Who was told late, as after quiet hours, is not told again at once.
    let pause = Duration::seconds(REPEAT_MIN.seconds());
    let newest = firing.newest_told_at().map_or(firing.fired_at, |newest| newest.saturating_add(pause));
    let moment = told_from.zip(repeated).map(|(told_from, repeated)| repeated.max(told_from).max(newest));
    let is_due = moment.is_some_and(|moment| situation.is_due(alert, moment));
    let is_repeated = is_due && situation.channels_of(alert).any(is_told);
    if is_repeated {
        firing.repetitions += 1;
        firing.repeated_at = Some(situation.now);
    }
    is_repeated
}

/// Whether a channel is told of one more repetition.
fn wants_repetition(firing: &Firing, channel: &AlertChannel) -> bool {
    channel.audience == Audience::Owner || firing.repetitions_told(channel.id) < FRIEND_REPETITIONS_MAX
}

/// Returns what is told of an absence that goes on.
fn tell_absence(
    situation: &Situation,
    firing: &Firing,
    alert: Option<&Alert>,
    may_tell: bool,
    elsewhere: &Elsewhere,
) -> Vec<(i64, ToldKind)> {
    let of_alert: Vec<i64> =
        alert.into_iter().flat_map(|alert| situation.channels_of(alert)).map(|channel| channel.id).collect();
    let mut ids = [&of_alert[..], &firing.told_channels()].concat();
    ids.sort_unstable();
    ids.dedup();
    let channels = ids.into_iter().filter_map(|id| situation.channel(id));
    let audible = channels.filter(|channel| !situation.is_quiet(alert, channel.audience));
    audible
        .filter_map(|channel| {
            let may_tell = may_tell && of_alert.contains(&channel.id);
            let reached = firing.reached.filter(|it| !elsewhere.presses.contains(&(channel.id, *it)));
            Some((channel.id, next(situation, firing, channel, may_tell, reached)?))
        })
        .collect()
}

/// Returns what a channel is to be told next of an absence that goes on. `reached` is what it does not know of.
fn next(
    situation: &Situation,
    firing: &Firing,
    channel: &AlertChannel,
    may_tell: bool,
    reached: Option<Reached>,
) -> Option<ToldKind> {
    let Some(last) = firing.told(channel.id).map(|note| note.queued_at).max() else {
        return may_tell.then_some(ToldKind::Fired);
    };
    if reached.is_some_and(|reached| reached.by != channel.id) && firing.may_have_heard(channel.id) {
        return Some(ToldKind::Reached);
    }
    let is_behind = firing.repeated_at.is_some_and(|repeated_at| last < repeated_at);
    let is_repeated = may_tell && is_behind && !firing.is_reached(situation.now);
    (is_repeated && wants_repetition(firing, channel)).then_some(ToldKind::Repeated(firing.repetitions))
}
