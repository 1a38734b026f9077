//! Rows about what the owner changes, and about channels.

use super::{
    super::{AlertMessage, ToldKind, notice::notice},
    EndedBy, FRIEND, HOUR, LAPTOP, MINUTE, OTHER, OWNER, PHONE, World, after, assert_heard, fired, span,
    window,
};
use crate::device::DeviceName;

#[test]
fn after_is_edited() {
    let mut world = World::with(|_| {});
    world.pass(40 * MINUTE);
    world.edit(|rule| rule.after = after("30m"));
    world.pass(MINUTE);
    assert_heard(&mut world, "fired", "fired");
    world.edit(|rule| (rule.after, rule.repeat) = (after("6h"), Some(span("1h"))));
    world.pass_by(5 * HOUR + 18 * MINUTE, MINUTE);
    assert_heard(&mut world, "", "");
    world.pass(MINUTE);
    assert_heard(&mut world, "repeated 1", "repeated 1");
}

#[test]
fn device_is_edited() {
    let mut world = fired();
    world.beat(LAPTOP);
    world.edit(|rule| rule.device = Some(PHONE));
    world.pass(MINUTE);
    // The phone's absence goes on.
    assert_heard(&mut world, "resolved, fired", "fired");
    world.edit(|rule| rule.device = Some(LAPTOP));
    world.pass(30 * MINUTE);
    assert_heard(&mut world, "", "");
    world.beats(3);
    // Of both absences.
    assert_heard(&mut world, "resolved", "resolved, resolved");
}

#[test]
fn channels_are_edited() {
    let mut world = fired();
    world.edit(|rule| rule.channels = vec![OTHER]);
    world.pass(MINUTE);
    assert_heard(&mut world, "", "");
    assert_eq!(world.heard_by(OTHER), "fired");
    world.beats(3);
    assert_heard(&mut world, "resolved", "resolved");
    assert_eq!(world.heard_by(OTHER), "resolved");
}

#[test]
fn repeat_rest_and_quiet_are_edited() {
    let mut world = fired();
    world.pass(5 * HOUR);
    world.edit(|rule| rule.repeat = Some(span("3h")));
    world.pass(MINUTE);
    assert_heard(&mut world, "repeated 1", "repeated 1");
    // The night is left out at once, from the whole absence: four hours of six are left, and an hour more to five.
    world.edit(|rule| (rule.after, rule.rest) = (after("5h"), Some(window("13:00-15:00"))));
    world.pass(2 * HOUR);
    assert_heard(&mut world, "", "");
    world.edit(|rule| rule.quiet = Some(window("00:00-00:00")));
    world.pass(HOUR);
    assert_heard(&mut world, "", "repeated 2");
    world.edit(|rule| rule.quiet = None);
    world.pass(MINUTE);
    assert_heard(&mut world, "repeated 2", "");
}

#[test]
fn name_and_message_are_edited() {
    let mut world = World::with(|rule| rule.repeat = Some(span("1h")));
    world.pass(HOUR);
    assert_heard(&mut world, "fired", "fired");
    world.edit(|rule| {
        rule.name = DeviceName::parse("Another name").expect("a name");
        rule.message = AlertMessage::parse("Call Ben.").expect("words");
    });
    world.pass(HOUR);
    assert_heard(&mut world, "repeated 1", "repeated 1");
    let told = notice(&world.situation, &world.firings[0], ToldKind::Repeated(1));
    assert_eq!((&*told.name, told.message.as_deref()), ("Another name", Some("Call Ben.")));
}

#[test]
fn disabling() {
    let mut world = fired();
    world.edit(|rule| (rule.enabled, rule.repeat) = (false, Some(span("1h"))));
    world.pass(5 * HOUR);
    assert_heard(&mut world, "", "");
    world.edit(|rule| rule.enabled = true);
    world.pass(MINUTE);
    assert_heard(&mut world, "repeated 1", "repeated 1");
    world.edit(|rule| rule.enabled = false);
    world.beats(3);
    assert_heard(&mut world, "resolved", "resolved");
}

#[test]
fn deletion() {
    let mut world = fired();
    world.situation.alerts.clear();
    world.pass(48 * HOUR);
    assert_heard(&mut world, "", "");
    world.beats(3);
    assert_heard(&mut world, "resolved", "resolved");
}

#[test]
fn channel_that_wants_all_alerts() {
    let mut world = World::with(|_| {});
    world.situation.channels[2].wants_all = true;
    world.pass(HOUR);
    assert_heard(&mut world, "fired", "fired");
    assert_eq!(world.heard_by(OTHER), "fired");
    world.situation.channels[2].wants_all = false;
    world.beats(3);
    assert_eq!(world.heard_by(OTHER), "resolved");
}

#[test]
fn channel_gone() {
    let mut world = fired();
    world.situation.channels.retain(|channel| channel.id != FRIEND);
    world.beats(3);
    assert_heard(&mut world, "resolved", "");
    assert!(world.firings[0].resolved_at.is_some());
}

#[test]
fn channel_that_cannot_be_reached() {
    let mut world = World::with(|rule| rule.repeat = Some(span("1h")));
    world.down = vec![OWNER, FRIEND];
    world.pass(5 * HOUR);
    world.down = vec![FRIEND];
    world.pass(MINUTE);
    assert_heard(&mut world, "repeated 4", "");
    world.beats(5);
    world.down.clear();
    world.pass(MINUTE);
    assert_heard(&mut world, "resolved", "");
}

#[test]
fn channel_that_refuses() {
    let mut world = World::with(|rule| rule.repeat = Some(span("1h")));
    world.refusing = vec![FRIEND];
    world.pass(HOUR);
    world.reach(OTHER);
    world.beats(5);
    let told = world.firings[0].told(FRIEND).count();
    assert_eq!((told, world.firings[0].resolved_at.is_some()), (1, true));
    world.refusing.clear();
    assert_heard(&mut world, "fired, reached, resolved", "");

    let mut world = World::with(|rule| rule.repeat = Some(span("1h")));
    world.refusing = vec![FRIEND];
    world.pass(HOUR);
    world.refusing.clear();
    world.pass(HOUR);
    world.beats(5);
    assert_heard(&mut world, "fired, repeated 1, resolved", "repeated 1, resolved");

    // Who heard of an absence hears of its end, though the next one was refused.
    let mut world = fired();
    world.beat(PHONE);
    world.refusing = vec![FRIEND];
    world.pass(HOUR);
    world.refusing.clear();
    world.beats(5);
    assert_heard(&mut world, "resolved, fired, resolved", "resolved");

    // What arrived once counts, no matter what was refused before and after it.
    let mut world = World::with(|rule| rule.repeat = Some(span("1h")));
    world.refusing = vec![FRIEND];
    world.pass(HOUR);
    world.refusing.clear();
    world.pass(HOUR);
    world.refusing = vec![FRIEND];
    world.pass(3 * HOUR);
    world.refusing.clear();
    world.beats(5);
    assert_heard(
        &mut world,
        "fired, repeated 1, repeated 2, repeated 3, repeated 4, resolved",
        "repeated 1, resolved",
    );
}

#[test]
fn device_erased() {
    let mut world = World::new();
    world.edit(|rule| rule.device = Some(LAPTOP));
    world.beat(LAPTOP);
    world.pass(HOUR);
    assert_heard(&mut world, "fired", "fired");
    // Its alerts go with it.
    world.situation.devices.retain(|device| device.id != LAPTOP);
    world.situation.alerts.clear();
    world.pass(MINUTE);
    assert_heard(&mut world, "resolved", "resolved");
    assert_eq!(world.ended_by(), Some(EndedBy::Erased));

    let mut world = fired();
    world.beat(LAPTOP);
    world.pass(30 * MINUTE);
    world.situation.devices.retain(|device| device.id != LAPTOP);
    world.pass(29 * MINUTE);
    assert_heard(&mut world, "resolved", "");
}

#[test]
fn sign_of_life_is_edited() {
    let mut world = World::with(|_| {});
    for _ in 0..50 {
        world.pass(MINUTE);
        world.beat(LAPTOP);
    }
    world.situation.devices[1].is_sign_of_life = false;
    world.pass(9 * MINUTE);
    assert_heard(&mut world, "", "");
    world.pass(MINUTE);
    assert_heard(&mut world, "fired", "fired");
    world.beat(LAPTOP);
    assert_heard(&mut world, "", "");
}
