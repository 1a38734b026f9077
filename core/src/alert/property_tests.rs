//! What always holds of alerts: weeks of random beats, outages, snoozes and edits, and a naive look at each minute.

use std::collections::HashSet;

use jiff::{ToSpan, civil::Time};
use proptest::{collection::vec, prelude::*};
use time::{Duration, OffsetDateTime, macros::datetime};

use super::{
    After, AlertRule, ToldKind,
    simulation::{FRIEND, LAPTOP, OTHER, OWNER, PHONE, World, after, span, window},
};
use crate::channel::Audience;

/// Interval between evaluations: so long that weeks pass within a second, and shorter than an outage.
const TICK: Duration = Duration::minutes(9);

/// Notes that are kept of a firing and a channel at most: one of each kind, and the last repetition before.
const KEPT_MAX: usize = 5;

/// Something that happens.
#[derive(Debug, Clone)]
enum Action {
    Beat(i64),
    Beats(i64),
    Ok,
    Reach(i64),
    Snooze(i64),
    Outage(i64),
    ChannelsDown(Vec<i64>),
    Channels(Vec<i64>),
    Enabled(bool),
    After(&'static str),
    Repeat(Option<&'static str>),
    Rest(Option<&'static str>),
    Quiet(Option<&'static str>),
}

fn action() -> impl Strategy<Value = Action> {
    let channels = || prop::sample::subsequence(vec![OWNER, FRIEND, OTHER], 0..=3);
    let windows = || {
        let times = vec!["23:00-07:00", "09:00-17:30", "00:00-12:00", "01:00-05:00"];
        prop::option::of(prop::sample::select(times))
    };
    prop_oneof![
        4 => prop::sample::select(vec![PHONE, LAPTOP]).prop_map(Action::Beat),
        4 => (1_i64..90).prop_map(Action::Beats),
        1 => Just(Action::Ok),
        1 => prop::sample::select(vec![FRIEND, OTHER]).prop_map(Action::Reach),
        1 => (1_i64..3_000).prop_map(Action::Snooze),
        2 => (1_i64..1_500).prop_map(Action::Outage),
        1 => channels().prop_map(Action::ChannelsDown),
        1 => channels().prop_map(Action::Channels),
        1 => any::<bool>().prop_map(Action::Enabled),
        1 => prop::sample::select(vec!["10m", "1h", "12h", "36h"]).prop_map(Action::After),
        1 => prop::option::of(prop::sample::select(vec!["1h", "7h"])).prop_map(Action::Repeat),
        1 => windows().prop_map(Action::Rest),
        1 => windows().prop_map(Action::Quiet),
    ]
}

fn act(world: &mut World, action: Action) {
    match action {
        Action::Beat(device) => world.beat(device),
        Action::Beats(minutes) => world.beats(minutes),
        Action::Ok => world.ok(),
        Action::Reach(channel) => world.reach(channel),
        Action::Snooze(minutes) => world.snooze(Duration::minutes(minutes)),
        Action::Outage(minutes) => world.outage(Duration::minutes(minutes)),
        Action::ChannelsDown(channels) => world.down = channels,
        Action::Channels(channels) => world.edit(|rule| rule.channels = channels),
        Action::Enabled(enabled) => world.edit(|rule| rule.enabled = enabled),
        Action::After(text) => world.edit(|rule| rule.after = after(text)),
        Action::Repeat(text) => world.edit(|rule| rule.repeat = text.map(span)),
        Action::Rest(text) => world.edit(|rule| rule.rest = text.map(window)),
        Action::Quiet(text) => world.edit(|rule| rule.quiet = text.map(window)),
    }
}

/// A look at a world that knows nothing of how alerts decide.
struct Observer {
    /// How much of the log was looked at.
    seen: usize,
    /// Firings and their repetitions that each channel was sent, and for the word of a friend when that was.
    told: HashSet<(i64, i64, ToldKind, Option<OffsetDateTime>)>,
    /// Channels that were told of an absence, and not yet of its end.
    uneasy: HashSet<i64>,
}

impl Observer {
    fn look(&mut self, world: &World) -> Result<(), TestCaseError> {
        let heard = &world.heard[self.seen..];
        self.seen = world.heard.len();
        for heard in heard {
            let firing =
                world.firings.iter().find(|firing| firing.id == Some(heard.firing)).expect("a firing");
            let reached = firing.reached.filter(|_| heard.kind == ToldKind::Reached).map(|it| it.at);
            prop_assert!(
                self.told.insert((heard.firing, heard.channel, heard.kind, reached)),
                "told twice: {heard:?}"
            );
            match heard.kind {
                ToldKind::Resolved => {
                    prop_assert!(self.uneasy.remove(&heard.channel), "an all-clear of nothing: {heard:?}");
                    prop_assert!(is_certain(world, heard.channel, firing.since), "too early: {heard:?}");
                }
                ToldKind::Reached => drop(self.uneasy.insert(heard.channel)),
                ToldKind::Fired | ToldKind::Repeated(_) => {
                    self.uneasy.insert(heard.channel);
                    let is_over = world.signs.iter().any(|sign| *sign > firing.since);
                    prop_assert!(!is_over, "told of an absence that is over: {heard:?}");
                }
            }
        }
        self.look_at_repetitions(world)
    }

    fn look_at_repetitions(&self, world: &World) -> Result<(), TestCaseError> {
        for firing in &world.firings {
            let repeated = |channel: i64| {
                let its =
                    self.told.iter().filter(|told| (told.0, told.1) == (firing.id.unwrap_or(0), channel));
                its.filter(|told| told.2.repetition() > 0).count()
            };
            prop_assert!(repeated(FRIEND) <= 5 && repeated(OTHER) <= 5);
            for channel in [OWNER, FRIEND, OTHER] {
                let kept = firing.told.iter().filter(|note| note.channel == channel).count();
                prop_assert!(kept <= KEPT_MAX, "kept: {:?}", firing.told);
                let mut told = firing.told(channel);
                let waiting = told.any(|note| note.is_waiting && note.kind.repetition() > 0);
                prop_assert_eq!(
                    repeated(channel) + usize::from(waiting),
                    firing.repetitions_told(channel) as usize
                );
            }
        }
        Ok(())
    }
}

/// Friends hear of the end after beats in three minutes, or the word of the owner.
fn is_certain(world: &World, channel: i64, since: OffsetDateTime) -> bool {
    let is_owners = world.situation.channel(channel).is_some_and(|it| it.audience == Audience::Owner);
    let signs: HashSet<i64> =
        world.signs.iter().filter(|sign| **sign > since).map(|sign| sign.unix_timestamp() / 60).collect();
    let is_ok = world.situation.ok_at.is_some_and(|ok| ok > since);
    signs.len() >= if is_owners || is_ok { 1 } else { 3 }
}

/// Whether clocks of `timezone` are in the rest of a rule.
fn is_in_rest(world: &World, moment: OffsetDateTime) -> bool {
    let rule = &world.situation.alerts[0].rule;
    let local = world.situation.settings.timezone.local(moment).expect("a time").time();
    rule.rest.is_some_and(|rest| rest.contains(local))
}

/// Returns the minutes that count between two moments, up to `enough`. Each is looked at, and clocks at each whole hour, when
/// they are set.
fn minutes(world: &World, from: OffsetDateTime, to: OffsetDateTime, enough: i64) -> i64 {
    let rest = world.situation.alerts[0].rule.rest;
    let (mut moment, mut shown) = (from, Time::MIN);
    let mut minutes = 0;
    while moment < to && minutes < enough {
        shown = if moment == from || moment.minute() == 0 {
            world.situation.settings.timezone.local(moment).expect("a time").time()
        } else {
            shown.wrapping_add(1.minute())
        };
        let outages = &world.situation.outages;
        let is_out = outages.iter().any(|it| it.started_at <= moment && moment < it.ended_at);
        minutes += i64::from(!is_out && !rest.is_some_and(|rest| rest.contains(shown)));
        moment += Duration::MINUTE;
    }
    minutes
}

/// Whether the alert is to fire now at the latest. `None` where it neither has to nor must not: the moment was just now.
fn must_fire(world: &World) -> Option<bool> {
    let situation = &world.situation;
    let rule: &AlertRule = &situation.alerts[0].rule;
    let After::Fixed(after) = rule.after else { return Some(false) };
    let Some(since) = world.signs.iter().max() else { return Some(false) };
    let now = world.now();
    let grace = Duration::seconds(after.seconds()).min(Duration::minutes(15));
    let is_soon = situation.outages.last().is_some_and(|outage| now < outage.ended_at + grace);
    if !rule.enabled || rule.channels.is_empty() || situation.snoozed_until.is_some() || is_soon {
        return Some(false);
    }
    let enough = after.seconds() / 60;
    match (minutes(world, *since, now, enough) >= enough, is_in_rest(world, now)) {
        (true, true) => is_in_rest(world, now - Duration::minutes(2)).then_some(false),
        (enough, _) => Some(enough),
    }
}

/// What a firing was told before and after a tick must fit what a naive look says.
fn check(world: &World, fired_before: usize, observer: &mut Observer) -> Result<(), TestCaseError> {
    let must = must_fire(world);
    let since = world.signs.iter().max();
    let is_open = world.firings.iter().any(|firing| firing.ended.is_none() && Some(&firing.since) == since);
    if world.firings.len() > fired_before {
        prop_assert_ne!(must, Some(false), "fired at {}: {:?}", world.now(), world.firings.last());
    }
    if must == Some(true) {
        prop_assert!(is_open, "did not fire at {}", world.now());
    }
    observer.look(world)
}

/// Lets everything happen, with a look after each tick; then the owner comes back for good.
fn live(world: &mut World, actions: Vec<(i64, Action)>) -> Result<(), TestCaseError> {
    let mut observer = Observer { seen: 0, told: HashSet::new(), uneasy: HashSet::new() };
    for (minutes, action) in actions {
        act(world, action);
        observer.look(world)?;
        let end = world.now() + Duration::minutes(minutes);
        while world.now() < end {
            let fired = world.firings.len();
            world.pass_by(TICK.min(end - world.now()), TICK);
            check(world, fired, &mut observer)?;
        }
    }
    world.down.clear();
    world.edit(|rule| rule.quiet = None);
    world.beats(5);
    observer.look(world)?;
    prop_assert!(observer.uneasy.is_empty(), "not told of the end: {:?}", observer.uneasy);
    prop_assert!(world.firings.iter().all(|firing| firing.resolved_at.is_some()), "left open");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn weeks_of_anything(
        zone in prop::sample::select(vec![
            ("UTC", datetime!(2026-06-01 12:00 UTC)),
            ("Europe/Berlin", datetime!(2026-03-22 12:00 UTC)),
            ("Europe/Berlin", datetime!(2026-10-18 12:00 UTC)),
            ("Asia/Kolkata", datetime!(2026-06-01 12:00 UTC)),
            ("Pacific/Apia", datetime!(2011-12-25 12:00 UTC)),
        ]),
        actions in vec((1_i64..900, action()), 1..40),
    ) {
        let mut world = World::new();
        world.timezone(zone.0, zone.1);
        live(&mut world, actions)?;
    }

    #[test]
    fn an_absence_is_told_of_at_the_same_moment_however_often_the_service_restarts(
        restarts in vec(1_i64..9, 0..200),
    ) {
        let mut world = World::with(|_| {});
        let start = world.now();
        for minutes in restarts {
            // Processes come and go: what is known is in the database.
            world.outage(Duration::minutes(minutes));
        }
        let passed = world.now() - start;
        world.pass((Duration::HOUR - passed).max(Duration::ZERO));
        prop_assert_eq!(world.firings.len(), 1);
        prop_assert!(world.firings[0].fired_at - start < Duration::minutes(69));
    }
}
