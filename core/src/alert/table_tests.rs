//! What an alert does: a test for each row of the table in docs/alerts-in-detail.md, named after it.

mod changes;
mod outages;
mod pauses;

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
fn repetitions_without_end() {
    let mut world = World::with(|rule| rule.repeat = Some(span("1h")));
    for _ in 0..10 {
        world.down = vec![OWNER];
        world.pass_by(12 * HOUR, 5 * MINUTE);
        world.down.clear();
        world.pass_by(12 * HOUR, 5 * MINUTE);
    }
    let firing = &world.firings[0];
    let of = |channel: i64| firing.told.iter().filter(|note| note.channel == channel).count();
    assert_eq!((of(OWNER), of(FRIEND)), (3, 3));
    assert_eq!((firing.repetitions, firing.repetitions_told(FRIEND)), (239, 5));
    assert!((120..239).contains(&firing.repetitions_told(OWNER)), "{}", firing.repetitions_told(OWNER));
    let AlertState::Firing(status) = world.as_read().statuses().remove(0).state else { panic!("it fired") };
    // That it fired was taken back for the owner: it was out of date before the channel was back.
    let expected = firing.repetitions_told(OWNER) + 5 + 1;
    assert_eq!((status.told.len(), status.told_count), (6, expected as usize));
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
fn the_owner_sees_what_it_does() {
    let mut world = World::with(|rule| (rule.after, rule.rest) = (after("12h"), Some(window("23:00-07:00"))));
    let state = |world: &World| world.as_read().statuses().remove(0).state;
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
