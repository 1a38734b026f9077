//! Rows about outages, restarts, and clocks that are set.

use time::{Duration, macros::datetime};

use super::{HOUR, MINUTE, PHONE, World, after, assert_heard, fired, span, window};

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
fn nothing_fires_in_rest_as_an_outage_ended_before_it() {
    let mut world = World::with(|rule| (rule.after, rule.rest) = (after("10h"), Some(window("23:00-07:00"))));
    world.pass(10 * HOUR - 5 * MINUTE);
    world.outage(55 * MINUTE);
    // At 22:55 it would be time, at 23:05 devices had time to be heard.
    world.pass(8 * HOUR + 9 * MINUTE);
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
fn outage_before_the_absence() {
    let mut world = World::with(|rule| rule.after = after("10m"));
    world.outage(5 * HOUR);
    assert_eq!(world.as_read().outages.len(), 1);
    world.pass(MINUTE);
    world.beat(PHONE);
    assert_eq!(world.as_read().outages, []);
    world.pass(9 * MINUTE);
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
