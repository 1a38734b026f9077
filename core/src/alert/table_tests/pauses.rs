//! Rows about `rest`, `quiet` and snoozes.

use super::{HOUR, MINUTE, OWNER, PHONE, World, after, assert_heard, fired, span, window};

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
fn after_quiet_repetitions_begin_anew() {
    let mut world = World::with(|rule| {
        (rule.repeat, rule.quiet) = (Some(span("2h")), Some(window("12:30-20:00")));
        rule.channels = vec![OWNER];
    });
    world.pass(8 * HOUR);
    assert_heard(&mut world, "fired", "");
    world.pass(2 * HOUR - MINUTE);
    assert_heard(&mut world, "", "");
    world.pass(MINUTE);
    assert_heard(&mut world, "repeated 1", "");

    // Told before, and of the newest alone after: then not for an hour.
    let mut world = fired();
    world.edit(|rule| {
        (rule.repeat, rule.quiet) = (Some(span("2h")), Some(window("13:30-18:59")));
        rule.channels = vec![OWNER];
    });
    world.pass(6 * HOUR - MINUTE);
    assert_heard(&mut world, "repeated 2", "");
    world.pass(HOUR - MINUTE);
    assert_heard(&mut world, "", "");
    world.pass(MINUTE);
    assert_heard(&mut world, "repeated 3", "");
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
