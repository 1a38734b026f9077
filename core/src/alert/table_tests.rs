//! What an alert does: a test for each row of the table in docs/alerts-in-detail.md, named after it.

mod changes;

use time::{Duration, macros::datetime};

use super::{
    AlertState,
    simulation::{ALERT, FRIEND, LAPTOP, OTHER, OWNER, PHONE, World, after, span, window},
};
use crate::notify::event::EndedBy;

const HOUR: Duration = Duration::HOUR;
const MINUTE: Duration = Duration::MINUTE;

/// Asserts what the owner and the friend were sent since the last time.
#[track_caller]
fn assert_heard(world: &mut World, owner: &str, friend: &str) {
    let heard = (world.heard_by(OWNER), world.heard_by(FRIEND));
    assert_eq!((heard.0.as_str(), heard.1.as_str()), (owner, friend), "{}", world.now());
}

/// A world in which the alert has fired, and that was heard.
fn fired() -> World {
    let mut world = World::with(|_| {});
    world.pass(HOUR);
    assert_heard(&mut world, "fired", "fired");
    world
}

#[test]
fn beat_before_the_threshold() {
    let mut world = World::with(|_| {});
    for _ in 0..50 {
        world.pass(59 * MINUTE);
        world.beat(LAPTOP);
    }
    assert_heard(&mut world, "", "");
}

#[test]
fn threshold() {
    let mut world = World::with(|_| {});
    world.pass(59 * MINUTE);
    assert_heard(&mut world, "", "");
    world.pass(MINUTE);
    assert_heard(&mut world, "fired", "fired");
    world.pass(48 * HOUR);
    assert_heard(&mut world, "", "");
}

#[test]
fn first_beat_after_it() {
    let mut world = fired();
    world.beat(PHONE);
    assert_heard(&mut world, "resolved", "");
    world.pass(59 * MINUTE);
    assert_heard(&mut world, "", "");
}

#[test]
fn beats_in_three_minutes_after_it() {
    let mut world = fired();
    world.beats(2);
    assert_heard(&mut world, "resolved", "");
    world.beats(1);
    assert_heard(&mut world, "", "resolved");
    world.beats(30);
    assert_heard(&mut world, "", "");
}

#[test]
fn another_absence_before_friends_know_of_the_end() {
    let mut world = fired();
    world.beat(PHONE);
    world.pass(HOUR);
    assert_heard(&mut world, "resolved, fired", "fired");
    world.beats(3);
    assert_heard(&mut world, "resolved", "resolved");
    assert!(world.firings.iter().all(|firing| firing.resolved_at.is_some()));
}

#[test]
fn repetition() {
    let mut world = fired();
    world.edit(|rule| rule.repeat = Some(span("2h")));
    world.pass(2 * HOUR - MINUTE);
    assert_heard(&mut world, "", "");
    world.pass(MINUTE);
    assert_heard(&mut world, "repeated 1", "repeated 1");
    world.pass(12 * HOUR);
    let five = "repeated 2, repeated 3, repeated 4, repeated 5";
    assert_heard(&mut world, &format!("{five}, repeated 6, repeated 7"), five);
}

#[test]
fn rest() {
    let mut world = World::with(|rule| (rule.after, rule.rest) = (after("12h"), Some(window("23:00-07:00"))));
    // Eleven hours until 23:00, and one more from 07:00 on.
    world.pass(20 * HOUR - MINUTE);
    assert_heard(&mut world, "", "");
    world.pass(MINUTE);
    assert_heard(&mut world, "fired", "fired");
}

#[test]
fn rest_that_begins_with_the_moment() {
    let mut world = World::with(|rule| (rule.after, rule.rest) = (after("11h"), Some(window("23:00-07:00"))));
    world.pass(11 * HOUR - MINUTE / 2);
    // The tick is late by half a minute.
    world.pass(MINUTE);
    assert_heard(&mut world, "fired", "fired");
}

#[test]
fn rest_of_the_whole_day() {
    let mut world = World::with(|rule| rule.rest = Some(window("12:00-12:00")));
    world.pass_by(96 * HOUR, 5 * MINUTE);
    assert_heard(&mut world, "", "");
}

#[test]
fn repetition_in_rest() {
    let mut world = World::with(|rule| {
        (rule.after, rule.repeat, rule.rest) = (after("10h"), Some(span("2h")), Some(window("23:00-07:00")));
    });
    world.pass(19 * HOUR);
    assert_heard(&mut world, "fired", "fired");
    // At 22:00, then after an hour until 23:00 and one more from 07:00 on.
    world.pass(HOUR);
    assert_heard(&mut world, "repeated 1", "repeated 1");
}

#[test]
fn quiet_begins_and_ends() {
    let mut world =
        World::with(|rule| (rule.repeat, rule.quiet) = (Some(span("2h")), Some(window("12:30-20:00"))));
    world.pass(8 * HOUR - MINUTE);
    assert_heard(&mut world, "", "fired, repeated 1, repeated 2, repeated 3");
    world.pass(MINUTE);
    assert_heard(&mut world, "fired", "");
    world.pass(HOUR);
    assert_heard(&mut world, "repeated 4", "repeated 4");
}

#[test]
fn quiet_while_the_absence_ends() {
    let mut world = World::with(|rule| rule.quiet = Some(window("12:30-20:00")));
    world.pass(2 * HOUR);
    world.beats(600);
    assert_heard(&mut world, "", "fired, resolved");

    let mut world = fired();
    world.edit(|rule| rule.quiet = Some(window("13:30-20:00")));
    world.pass(HOUR);
    world.beats(300);
    assert_heard(&mut world, "", "resolved");
    world.beats(60);
    assert_heard(&mut world, "resolved", "");
}

#[test]
fn snooze_begins_and_ends() {
    let mut world = World::with(|rule| rule.repeat = Some(span("2h")));
    world.snooze(5 * HOUR);
    world.pass(5 * HOUR - MINUTE);
    assert_heard(&mut world, "", "");
    world.pass(MINUTE);
    assert_heard(&mut world, "fired", "fired");
    world.snooze(24 * HOUR);
    world.pass(24 * HOUR - MINUTE);
    assert_heard(&mut world, "", "");
    world.pass(MINUTE);
    assert_heard(&mut world, "repeated 1", "repeated 1");
}

#[test]
fn snooze_and_a_return_meanwhile() {
    let mut world = World::with(|_| {});
    world.snooze(5 * HOUR);
    world.pass(4 * HOUR + 30 * MINUTE);
    world.beat(PHONE);
    world.pass(59 * MINUTE);
    assert_heard(&mut world, "", "");

    let mut world = fired();
    world.snooze(5 * HOUR);
    world.beats(3);
    assert_heard(&mut world, "resolved", "resolved");
}

#[test]
fn outage_of_five_minutes() {
    let mut world = World::with(|_| {});
    world.pass(50 * MINUTE);
    world.outage(5 * MINUTE);
    world.pass(5 * MINUTE);
    assert_heard(&mut world, "fired", "fired");
}

#[test]
fn outage_of_five_hours() {
    let mut world = World::with(|_| {});
    world.pass(30 * MINUTE);
    world.outage(5 * HOUR);
    world.pass(29 * MINUTE);
    assert_heard(&mut world, "", "");
    world.pass(MINUTE);
    assert_heard(&mut world, "fired", "fired");
}

#[test]
fn nothing_fires_soon_after_an_outage() {
    let mut world = World::with(|_| {});
    world.pass(59 * MINUTE);
    world.outage(5 * HOUR);
    world.pass(14 * MINUTE);
    assert_heard(&mut world, "", "");
    world.pass(MINUTE);
    assert_heard(&mut world, "fired", "fired");
}

#[test]
fn outage_each_night() {
    let mut world = World::with(|rule| rule.after = after("50h"));
    for _ in 0..2 {
        world.pass(20 * HOUR);
        world.outage(4 * HOUR);
    }
    world.pass(10 * HOUR - MINUTE);
    assert_heard(&mut world, "", "");
    world.pass(MINUTE);
    assert_heard(&mut world, "fired", "fired");
}

#[test]
fn restart() {
    let mut world = World::with(|rule| rule.repeat = Some(span("1h")));
    for _ in 0..30 {
        world.pass(MINUTE);
        world.outage(MINUTE);
    }
    assert_heard(&mut world, "fired", "fired");
    for _ in 0..30 {
        world.evaluate();
        world.outage(2 * MINUTE);
    }
    assert_heard(&mut world, "repeated 1", "repeated 1");
}

#[test]
fn i_am_fine() {
    let mut world = fired();
    world.ok();
    assert_heard(&mut world, "resolved", "resolved");
    assert_eq!(world.ended_by(), Some(EndedBy::Ok));
    world.pass(59 * MINUTE);
    assert_heard(&mut world, "", "");
    world.pass(MINUTE);
    assert_heard(&mut world, "fired", "fired");
    // After a beat, friends need not wait for more.
    world.beat(PHONE);
    assert_heard(&mut world, "resolved", "");
    world.pass(MINUTE);
    world.ok();
    assert_heard(&mut world, "", "resolved");
}

#[test]
fn i_have_reached_them() {
    let mut world = fired();
    world.edit(|rule| {
        rule.channels.push(OTHER);
        rule.repeat = Some(span("4h"));
    });
    world.pass(MINUTE);
    assert_eq!(world.heard_by(OTHER), "fired");
    world.reach(FRIEND);
    assert_heard(&mut world, "reached", "");
    assert_eq!(world.heard_by(OTHER), "reached");
    world.pass(12 * HOUR - MINUTE);
    assert_heard(&mut world, "", "");
    world.pass(MINUTE);
    assert_heard(&mut world, "repeated 1", "repeated 1");
    world.beats(3);
    assert_heard(&mut world, "resolved", "resolved");
    assert_eq!(world.heard_by(OTHER), "repeated 1, resolved");
}

#[test]
fn i_have_reached_them_once_more() {
    let mut world = fired();
    world.edit(|rule| rule.repeat = Some(span("4h")));
    world.reach(FRIEND);
    assert_heard(&mut world, "reached", "");
    world.pass(11 * HOUR);
    world.reach(FRIEND);
    assert_heard(&mut world, "", "");
    world.pass(HOUR);
    assert_heard(&mut world, "repeated 1", "repeated 1");
    world.reach(FRIEND);
    assert_heard(&mut world, "reached", "");
    world.pass(12 * HOUR - MINUTE);
    assert_heard(&mut world, "", "");
}

#[test]
fn i_have_reached_them_with_several_alerts() {
    let mut world = World::with(|_| {});
    let mut longer = world.situation.alerts[0].clone();
    (longer.id, longer.rule.after) = (ALERT + 1, after("2h"));
    world.situation.alerts.push(longer);
    world.pass(2 * HOUR);
    assert_heard(&mut world, "fired, fired", "fired, fired");
    world.reach(FRIEND);
    world.pass(MINUTE);
    assert_heard(&mut world, "reached", "");
}

#[test]
fn unusual_absence_without_data() {
    let mut world = World::with(|rule| rule.after = super::After::Unusual);
    world.pass(2 * HOUR);
    assert_heard(&mut world, "", "");
    world.situation.unusual.insert(ALERT, span("3h"));
    world.pass(HOUR);
    assert_heard(&mut world, "fired", "fired");
}

#[test]
fn days_on_which_clocks_are_set() {
    // An hour of rest comes first, and then that day: without its last hour, it has 22 hours, or 24.
    for (eve, hours) in [(datetime!(2026-03-28 22:00 UTC), 26), (datetime!(2026-10-24 21:00 UTC), 25)] {
        let mut world =
            World::with(|rule| (rule.after, rule.rest) = (after("1d"), Some(window("23:00-00:00"))));
        world.timezone("Europe/Berlin", eve);
        world.pass_by(Duration::hours(hours) - MINUTE, 5 * MINUTE);
        assert_heard(&mut world, "", "");
        world.pass(MINUTE);
        assert_heard(&mut world, "fired", "fired");
    }
}

#[test]
fn a_day_that_the_calendar_left_out() {
    let mut world = World::with(|rule| (rule.after, rule.rest) = (after("18h"), Some(window("22:00-06:00"))));
    // 2011-12-30 did not take place in Apia: 10:00 UTC was midnight of the 31st.
    world.timezone("Pacific/Apia", datetime!(2011-12-29 20:00 UTC));
    world.pass_by(26 * HOUR - MINUTE, 5 * MINUTE);
    assert_heard(&mut world, "", "");
    world.pass(MINUTE);
    assert_heard(&mut world, "fired", "fired");
}

#[test]
fn a_clock_that_was_wrong() {
    let mut world = fired();
    // The clock was a day ahead, and is set back.
    world.situation.now -= Duration::DAY;
    world.signs.clear();
    world.situation.devices[0].last_beat = None;
    world.beats(3);
    assert_heard(&mut world, "resolved", "resolved");
}

#[test]
fn the_owner_sees_what_it_does() {
    let mut world = World::with(|rule| (rule.after, rule.rest) = (after("12h"), Some(window("23:00-07:00"))));
    let state = |world: &World| {
        let mut situation = world.situation.clone();
        situation.firings.clone_from(&world.firings);
        situation.statuses().remove(0).state
    };
    assert_eq!(state(&world), AlertState::Armed);
    world.pass(5 * MINUTE);
    let since = datetime!(2026-06-01 12:00 UTC);
    let fires_at = Some(datetime!(2026-06-02 08:00 UTC));
    assert_eq!(state(&world), AlertState::Waiting { since, fires_at });
    world.snooze(HOUR);
    assert_eq!(state(&world), AlertState::Snoozed { until: world.now() + HOUR });
    world.pass(20 * HOUR);
    let AlertState::Firing(firing) = state(&world) else { panic!("{:?}", state(&world)) };
    assert_eq!((firing.since, Some(firing.fired_at)), (since, fires_at));
    assert_eq!(firing.told.iter().map(|told| told.channel).collect::<Vec<_>>(), [OWNER, FRIEND]);
    world.edit(|rule| rule.enabled = false);
    assert_eq!(state(&world), AlertState::Disabled);
    world.edit(|rule| (rule.enabled, rule.channels) = (true, Vec::new()));
    world.beats(5);
    assert_eq!(state(&world), AlertState::NoChannels);
}
