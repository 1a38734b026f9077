//! The rule in an invented world, whose time passes as fast as the test wants.

use proptest::prelude::*;

use super::*;

const IDLE_AFTER: Duration = Duration::from_mins(2);
const NIGHT: Duration = Duration::from_hours(8);

/// A machine, its user, an agent and a server.
#[derive(Debug, Clone)]
struct World {
    now: Moment,
    seen: Observation,
    rule: Rule,
    answer: Outcome,
    /// When beats were sent, since the machine started.
    beats: Vec<Duration>,
}

impl World {
    /// A machine that has been on for a day. The agent starts now; the last input was a minute ago.
    fn new() -> Self {
        let awake = Awake(Duration::from_hours(24));
        let now = Moment { awake, asleep: Duration::ZERO, unix: 1_700_000_000 };
        let last_input = Some(awake.before(Duration::from_mins(1)));
        let seen = Observation { has_source: true, last_input, ..Observation::default() };
        Self { now, seen, rule: Rule::new(IDLE_AFTER, now), answer: Outcome::Recorded, beats: Vec::new() }
    }

    /// Lets the agent look once; returns what it decides.
    fn look(&mut self) -> Decision {
        let decision = self.rule.decide(self.now, &self.seen);
        if decision.beats() {
            self.beats.push(self.now.elapsed());
            self.rule.sent(self.now, self.now, self.answer);
        }
        decision
    }

    /// Lets time pass while the agent looks each second; returns how many beats were sent.
    fn pass(&mut self, time: Duration) -> usize {
        let before = self.beats.len();
        for _ in 0..time.as_secs() {
            self.now.awake.0 += Duration::from_secs(1);
            self.now.unix += 1;
            self.look();
        }
        self.beats.len() - before
    }

    /// The user touches a key.
    fn touch(&mut self) {
        self.now.awake.0 += Duration::from_millis(1);
        self.seen.last_input = Some(self.now.awake);
    }

    /// The user types for some time, a key each ten seconds; returns how many beats were sent.
    fn work(&mut self, time: Duration) -> usize {
        let before = self.beats.len();
        for _ in 0..time.as_secs() / 10 {
            self.touch();
            self.pass(Duration::from_secs(10));
        }
        self.beats.len() - before
    }

    /// The agent is replaced by another.
    fn restart(&mut self) {
        let next_beat = self.rule.due(self.now);
        self.rule = Rule::new(IDLE_AFTER, self.now);
        self.rule.resume(next_beat, self.now);
    }

    /// Times between beats.
    fn delays(&self) -> Vec<Duration> {
        self.beats.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect()
    }

    /// The machine sleeps. Time awake stands still, and so do the counters of sources.
    fn sleep(&mut self, time: Duration) {
        self.now.asleep += time;
        self.now.unix += i64::try_from(time.as_secs()).expect("a short time");
    }
}

#[test]
fn a_beat_a_minute_while_it_is_used_and_none_two_minutes_after() {
    let mut world = World::new();
    assert_eq!(world.work(Duration::from_mins(10)), 10);
    let last_input = world.seen.last_input.expect("input");
    world.pass(Duration::from_mins(30));
    let last_beat = world.beats.last().expect("a beat");
    assert!(*last_beat <= last_input.0 + IDLE_AFTER, "{last_beat:?}");
    let ago = Duration::from_mins(30) + Duration::from_secs(10);
    assert!(!world.look().usage.is_use());
    assert!(
        matches!(world.look().usage, Usage::Idle { ago: idle } if idle.abs_diff(ago) < Duration::from_secs(1))
    );
    world.touch();
    assert_eq!(world.pass(Duration::from_secs(1)), 1, "at once when the user comes back");
}

#[test]
fn a_restart_on_an_abandoned_machine_is_no_beat() {
    let mut world = World::new();
    assert_eq!(world.pass(Duration::from_mins(10)), 0);
    assert_eq!(World::new().look().usage, Usage::NoInputYet, "though the last input was a minute ago");
    world.touch();
    assert_eq!(world.pass(Duration::from_secs(1)), 1);
}

#[test]
fn waking_after_a_night_without_touching_a_key_is_no_beat() {
    let mut world = World::new();
    world.work(Duration::from_mins(10));
    world.touch();
    world.sleep(NIGHT);
    assert_eq!(world.look().usage, Usage::NoInputYet, "though the last input was a second ago by time awake");
    assert_eq!(world.pass(Duration::from_hours(1)), 0);
    world.touch();
    assert_eq!(world.pass(Duration::from_secs(1)), 1);
}

#[test]
fn a_video_that_played_before_the_machine_slept_does_not_count_after() {
    let mut world = World::new();
    world.work(Duration::from_mins(1));
    world.seen.kept_on = true;
    assert_eq!(world.pass(Duration::from_mins(10)), 10);
    world.sleep(NIGHT);
    assert_eq!(world.pass(Duration::from_hours(1)), 0);
}

#[test]
fn a_machine_that_is_about_to_sleep_is_not_used_and_asks_for_new_input() {
    let mut world = World::new();
    world.work(Duration::from_mins(1));
    world.seen.falling_asleep = true;
    assert_eq!(world.pass(Duration::from_mins(1)), 0);
    // It did not sleep after all, or for less than the clocks tell.
    world.seen.falling_asleep = false;
    assert_eq!(world.pass(Duration::from_mins(1)), 0);
    world.touch();
    assert_eq!(world.pass(Duration::from_secs(1)), 1);
}

#[test]
fn a_sleep_that_was_over_before_the_agent_looked_asks_for_new_input() {
    let mut world = World::new();
    assert_eq!(world.work(Duration::from_mins(5)), 5);
    // Too short for the clocks, or a machine that stayed awake after all.
    world.seen.woke_up = Some(world.now.awake);
    assert_eq!(world.look().usage, Usage::NoInputYet);
    assert_eq!(world.pass(IDLE_AFTER), 0);
    assert_eq!(world.work(Duration::from_mins(1)), 1);
}

#[test]
fn a_video_or_a_call_counts_for_three_hours_after_the_last_input() {
    let mut world = World::new();
    world.touch();
    world.seen.kept_on = true;
    let beats = world.pass(Duration::from_hours(10));
    assert_eq!(beats, 180);
    assert!(matches!(world.look().usage, Usage::KeptOnTooLong { .. }));
    world.touch();
    assert_eq!(world.pass(Duration::from_mins(5)), 5);
    world.seen.kept_on = false;
    assert!(matches!(world.look().usage, Usage::Idle { .. }), "the film has ended");
}

#[test]
fn nothing_counts_while_locked_in_the_background_or_without_a_source() {
    for (name, seen, usage) in [
        ("locked", Observation { locked: true, ..Observation::default() }, Usage::Locked),
        ("background", Observation { in_background: true, ..Observation::default() }, Usage::InBackground),
        ("no source", Observation::default(), Usage::NoSource),
    ] {
        let mut world = World::new();
        let has_source = usage != Usage::NoSource;
        world.seen = Observation { has_source, kept_on: true, ..seen };
        assert_eq!(world.work(Duration::from_mins(10)), 0, "{name}");
        assert_eq!(world.look().usage, usage, "{name}");
    }
}

#[test]
fn nothing_counts_while_paused() {
    let mut world = World::new();
    let until = world.now.unix + 600;
    world.seen.paused_until = Some(until);
    assert_eq!(world.work(Duration::from_secs(590)), 0);
    assert_eq!(world.look().usage, Usage::Paused { until });
    assert_eq!(world.work(Duration::from_mins(2)), 2);
}

#[test]
fn an_unknown_token_stops_the_agent_until_the_token_changes() {
    let mut world = World::new();
    world.answer = Outcome::UnknownToken;
    assert_eq!(world.work(Duration::from_hours(1)), 1);
    assert_eq!(world.look().due, Due::UnknownToken);
    world.answer = Outcome::Recorded;
    world.rule.reconfigured(IDLE_AFTER, Changed { token: false, server: false }, world.now);
    assert_eq!(world.work(Duration::from_mins(1)), 0, "it is the same token");
    world.rule.reconfigured(IDLE_AFTER, Changed { token: true, server: false }, world.now);
    assert_eq!(world.work(Duration::from_mins(1)), 1);
}

#[test]
fn the_servers_wish_to_wait_is_obeyed_and_beats_are_not_made_up_for() {
    for (wish, expected) in [
        (None, Duration::from_mins(1)),
        (Some(Duration::ZERO), Duration::from_mins(1)),
        (Some(Duration::from_mins(5)), Duration::from_mins(5)),
        (Some(Duration::MAX), RETRY_DELAY_MAX),
    ] {
        let mut world = World::new();
        world.answer = Outcome::Busy(wish);
        world.work(Duration::from_secs(10));
        world.answer = Outcome::Recorded;
        world.work(expected + Duration::from_mins(5));
        let delays = world.delays();
        assert!(
            delays[0] >= expected && delays[0] < expected + Duration::from_secs(2),
            "{wish:?}: {delays:?}"
        );
        assert!(delays[1..].iter().all(|delay| *delay >= BEAT_INTERVAL), "{wish:?}: {delays:?}");
    }
}

#[test]
fn a_wrong_url_is_asked_again_after_an_hour_or_at_once_with_a_new_configuration() {
    let mut world = World::new();
    world.answer = Outcome::Refused;
    assert_eq!(world.work(Duration::from_mins(59)), 1);
    assert_eq!(world.work(Duration::from_mins(2)), 1);
    world.work(Duration::from_mins(5));
    world.rule.reconfigured(IDLE_AFTER, Changed { token: true, server: false }, world.now);
    assert_eq!(world.work(Duration::from_secs(70)), 0, "it is the same URL");
    world.rule.reconfigured(IDLE_AFTER, Changed { token: false, server: true }, world.now);
    assert_eq!(world.work(Duration::from_secs(70)), 1);
}

#[test]
fn a_beat_without_an_answer_is_not_sent_again() {
    let mut world = World::new();
    world.answer = Outcome::Failed;
    assert_eq!(world.work(Duration::from_mins(10)), 10, "one a minute, as ever");
}

/// Something that happens.
#[derive(Debug, Clone)]
enum Happening {
    Touch,
    Pass(u64),
    Sleep(u64),
    Lock(bool),
    KeepOn(bool),
    SetClock(i64),
    Answer(Outcome),
    Restart,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => Just(Happening::Touch),
        6 => (1_u64..400).prop_map(Happening::Pass),
        1 => (3_u64..40_000).prop_map(Happening::Sleep),
        1 => any::<bool>().prop_map(Happening::Lock),
        1 => any::<bool>().prop_map(Happening::KeepOn),
        // Midnight, daylight saving, a battery that ran out.
        1 => prop_oneof![Just(3600), Just(-3600), -2_000_000_000_i64..2_000_000_000].prop_map(Happening::SetClock),
        1 => prop_oneof![Just(Outcome::Recorded), Just(Outcome::Failed), Just(Outcome::Busy(None))]
            .prop_map(Happening::Answer),
        1 => Just(Happening::Restart),
    ]
}

/// Lets things happen, and checks each beat against what a person in the room would say. Returns when beats were sent.
fn live(happenings: &[Happening], with_clock_changes: bool) -> Vec<Duration> {
    let mut world = World::new();
    // What the person has seen since the agent started or the machine last woke up.
    let mut touched: Option<Duration> = None;
    for happening in happenings {
        match *happening {
            Happening::Touch => {
                world.touch();
                touched = Some(world.now.elapsed());
            }
            Happening::Pass(seconds) => {
                for _ in 0..seconds {
                    if world.pass(Duration::from_secs(1)) == 0 {
                        continue;
                    }
                    let touched = touched.expect("a beat without input");
                    let ago = world.now.elapsed().saturating_sub(touched);
                    let most = if world.seen.kept_on { KEPT_ON_MAX } else { IDLE_AFTER };
                    assert!(ago <= most, "a beat {ago:?} after the last input");
                    assert!(!world.seen.locked, "a beat while locked");
                }
            }
            Happening::Sleep(seconds) => {
                world.sleep(Duration::from_secs(seconds));
                touched = None;
            }
            Happening::Lock(locked) => world.seen.locked = locked,
            Happening::KeepOn(kept_on) => world.seen.kept_on = kept_on,
            Happening::SetClock(by) if with_clock_changes => world.now.unix += by,
            Happening::SetClock(_) => {}
            Happening::Answer(answer) => world.answer = answer,
            Happening::Restart => {
                world.restart();
                touched = None;
            }
        }
    }
    assert!(world.delays().into_iter().all(|delay| delay >= BEAT_INTERVAL), "two beats within a minute");
    world.beats
}

proptest! {
    #[test]
    fn a_beat_always_means_that_a_person_is_there(happenings in prop::collection::vec(happening(), 1..60)) {
        live(&happenings, true);
    }

    #[test]
    fn changes_of_the_wall_clock_change_nothing(happenings in prop::collection::vec(happening(), 1..60)) {
        prop_assert_eq!(live(&happenings, true), live(&happenings, false));
    }

    #[test]
    fn a_minute_of_typing_is_a_beat_after_any_history(
        happenings in prop::collection::vec(happening(), 0..40),
    ) {
        let mut world = World::new();
        for happening in happenings {
            match happening {
                Happening::Touch => world.touch(),
                Happening::Pass(seconds) => drop(world.pass(Duration::from_secs(seconds))),
                Happening::Sleep(seconds) => world.sleep(Duration::from_secs(seconds)),
                Happening::Lock(locked) => world.seen.locked = locked,
                Happening::KeepOn(kept_on) => world.seen.kept_on = kept_on,
                Happening::SetClock(by) => world.now.unix += by,
                Happening::Answer(answer) => world.answer = answer,
                Happening::Restart => world.restart(),
            }
        }
        world.seen.locked = false;
        prop_assert!(world.work(Duration::from_secs(70)) >= 1);
    }
}
