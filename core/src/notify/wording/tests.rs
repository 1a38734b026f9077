use serde_json::{Value, json};
use time::macros::datetime;

use super::*;
use crate::{
    notify::event::EventDevice,
    settings::{Choices, OwnerSettings, Precision},
};

fn event(name: &str, payload: &Value, device: Option<&str>) -> Event {
    Event {
        id: 1,
        kind: EventKind::parse(name, payload).expect("a kind"),
        device: device.map(|name| EventDevice { id: 3, name: Some(name.to_owned()), is_public: true }),
        happened_at: datetime!(2026-11-25 08:12:05 UTC),
    }
}

/// An alert's payload: silent since Tuesday morning in Berlin.
fn notice(members: &Value) -> Value {
    let mut notice = json!({
        "firing": 7, "alert": 2, "name": "For Mum", "since": "2026-11-24T07:12:40Z",
        "public_since": "2026-11-24T07:00:00Z", "timezone": "Europe/Berlin", "unconfirmed": ["Ben"],
    });
    let members = members.as_object().expect("members").clone();
    notice.as_object_mut().expect("a payload").extend(members);
    notice
}

/// What a reader gets on Wednesday at 09:13 UTC. Codes of links are left out.
#[track_caller]
fn read(event: Event, audience: Audience, is_confirmed: bool) -> String {
    let choices = Choices { precision: Some(Precision::Hour), ..Choices::default() };
    let settings = OwnerSettings { chosen: choices, ..OwnerSettings::default() }.effective();
    let event = match audience {
        Audience::Owner => event,
        Audience::Friend => event.for_strangers(&settings),
    };
    let now = datetime!(2026-11-25 09:13 UTC);
    let (timezone, site) = (&Timezone::parse("Europe/Berlin").expect("a time zone"), &Site::example());
    let wording =
        of(&event, &Reader { channel: 5, address_version: 0, audience, is_confirmed, now, timezone, site });
    let text = wording.text();
    let words = text.split(' ').map(|word| match word.rsplit_once('/') {
        Some((before, code)) if code.len() >= 50 => format!("{before}/{{code}}{}", &code[50..]),
        _ => word.to_owned(),
    });
    format!("{}\n\n{}", wording.title, words.collect::<Vec<_>>().join(" "))
}

#[test]
fn an_alert_fired_for_the_owner() {
    let fired = event("alert.fired", &notice(&json!({})), None);
    insta::assert_snapshot!(read(fired, Audience::Owner, true), @r#"
    Anna's heartbeat: silent for 26 hours

    Your last sign of life was on Tuesday, 24 November 2026, 08:12 (Berlin time), 26 hours ago.

    If you are well, say so: all alerts then count from that moment.

    Not confirmed yet: “Ben”.

    I'm fine: https://beat.example.org/ok/{code}
    "#);
}

#[test]
fn an_alert_fired_for_a_friend_in_the_owners_words_first() {
    let message = "Ring my neighbor first.\nHer number is on the fridge.";
    let fired = event("alert.fired", &notice(&json!({ "message": message })), None);
    insta::assert_snapshot!(read(fired, Audience::Friend, true), @r#"
    Anna's heartbeat: silent for 26 hours

    Ring my neighbor first.
    Her number is on the fridge.

    “Anna's heartbeat” shows when a person last used one of their devices. Their last sign of life was on Tuesday, 24 November 2026, 08:00 (Berlin time), 26 hours ago.

    Please try to reach them, by phone for example. Once you have, say so: the others who were told need not worry then.

    I have reached them: https://beat.example.org/reached/{code}
    "#);
}

#[test]
fn an_alert_of_a_device_repeats_itself_for_a_friend_who_has_not_confirmed() {
    let fired = event("alert.fired", &notice(&json!({ "repetition": 2 })), Some("Phone"));
    insta::assert_snapshot!(read(fired, Audience::Friend, false), @r#"
    Anna's heartbeat, Phone: still silent, for 26 hours

    The device “Phone” was last used on Tuesday, 24 November 2026, 08:00 (Berlin time), 26 hours ago.

    This is reminder 2.

    Please try to reach them, by phone for example. Once you have, say so: the others who were told need not worry then.

    You have not confirmed yet that these messages reach you: please do.

    I have reached them: https://beat.example.org/reached/{code}

    These messages reach me: https://beat.example.org/confirm/{code}
    "#);
}

#[test]
fn a_friend_learns_no_hidden_name_and_no_note_of_the_owners() {
    let mut fired = event("alert.fired", &notice(&json!({ "test": true, "firing": 0 })), Some("Secret"));
    fired.device.as_mut().expect("a device").is_public = false;
    let text = read(fired, Audience::Friend, true);
    for hidden in ["Secret", "For Mum", "Ben", "08:12"] {
        assert!(!text.contains(hidden), "{text}");
    }
    assert!(text.starts_with("Test: Anna's heartbeat"), "{text}");
}

#[test]
fn an_alert_about_a_device_without_a_name_is_not_about_the_person() {
    let over = |by: &str| {
        json!({ "of_one_device": true, "ended_at": "2026-11-25T08:12:05Z", "public_ended_at": "2026-11-25T08:00:00Z",
            "ended_by": by })
    };
    let texts = [("alert.fired", "beat"), ("alert.resolved", "beat"), ("alert.resolved", "erased")].map(
        |(kind, by)| {
            [Audience::Owner, Audience::Friend]
                .map(|audience| read(event(kind, &notice(&over(by)), None), audience, true))
        },
    );
    insta::assert_snapshot!(texts.concat().join("\n---\n"), @r#"
    Anna's heartbeat, one of your devices: silent for 26 hours

    One of your devices was last used on Tuesday, 24 November 2026, 08:12 (Berlin time), 26 hours ago.

    If you are well, say so: all alerts then count from that moment.

    Not confirmed yet: “Ben”.

    I'm fine: https://beat.example.org/ok/{code}
    ---
    Anna's heartbeat, one of their devices: silent for 26 hours

    “Anna's heartbeat” shows when a person last used their devices. One of these was last used on Tuesday, 24 November 2026, 08:00 (Berlin time), 26 hours ago.

    Please try to reach them, by phone for example. Once you have, say so: the others who were told need not worry then.

    I have reached them: https://beat.example.org/reached/{code}
    ---
    Anna's heartbeat, one of your devices: all clear

    The device was used again on Wednesday, 25 November 2026, 09:12 (Berlin time), after 24 hours.
    ---
    Anna's heartbeat, one of their devices: all clear

    That device was used again on Wednesday, 25 November 2026, 09:00 (Berlin time), after 25 hours of silence.

    There is nothing more to do. Thank you for looking after them.
    ---
    Anna's heartbeat, one of your devices: this alert is over

    The device was removed on Wednesday, 25 November 2026, 09:12 (Berlin time): nothing more is told of it.
    ---
    Anna's heartbeat, one of their devices: this alert is over

    The device was removed on Wednesday, 25 November 2026, 09:00 (Berlin time): nothing more is told of it.

    That says nothing of how they are.
    "#);
}

#[test]
fn the_owner_is_told_which_channels_are_disabled() {
    let fired = event("alert.fired", &notice(&json!({ "disabled_channels": ["Carl", "Dora"] })), None);
    let text = read(fired, Audience::Owner, true);
    assert!(text.contains("Not confirmed yet: “Ben”.\n\nDisabled, so not told: “Carl”, “Dora”."), "{text}");
    let fired = event("alert.fired", &notice(&json!({ "disabled_channels": ["Carl"] })), None);
    assert!(!read(fired, Audience::Friend, true).contains("Carl"));
}

#[test]
fn a_test_of_an_alert_says_so_first() {
    let words = json!({ "test": true, "firing": 0, "message": "Help me." });
    insta::assert_snapshot!(read(event("alert.fired", &notice(&words), None), Audience::Owner, true), @r#"
    Test: Anna's heartbeat: silent for 26 hours

    This is a test of the alert “For Mum”. Nothing is wrong. A real message would say:

    Help me.

    Your last sign of life was on Tuesday, 24 November 2026, 08:12 (Berlin time), 26 hours ago.

    If you are well, say so: all alerts then count from that moment.

    Not confirmed yet: “Ben”.

    I'm fine: https://beat.example.org/ok/{code}
    "#);
}

#[test]
fn all_clear_by_a_beat() {
    let over = json!({ "ended_at": "2026-11-25T08:12:05Z", "public_ended_at": "2026-11-25T08:00:00Z" });
    let resolved = || event("alert.resolved", &notice(&over), None);
    insta::assert_snapshot!(read(resolved(), Audience::Owner, true), @r#"
    Anna's heartbeat: all clear

    There was a sign of life on Wednesday, 25 November 2026, 09:12 (Berlin time), after 24 hours.
    "#);
    insta::assert_snapshot!(read(resolved(), Audience::Friend, true), @r#"
    Anna's heartbeat: all clear

    There is a sign of life again: a device was used on Wednesday, 25 November 2026, 09:00 (Berlin time), after 25 hours of silence.

    There is nothing more to do. Thank you for looking after them.
    "#);
}

#[test]
fn all_clear_by_the_owners_word() {
    let over = json!({ "ended_at": "2026-11-25T08:12:05Z", "ended_by": "ok" });
    let resolved = event("alert.resolved", &notice(&over), None);
    insta::assert_snapshot!(read(resolved, Audience::Owner, true), @r#"
    Anna's heartbeat: all clear

    You said on Wednesday, 25 November 2026, 09:12 (Berlin time) that you are well.
    "#);
}

#[test]
fn a_friend_has_reached_the_owner() {
    let reached = || event("alert.reached", &notice(&json!({ "reached_by": "Ben" })), None);
    insta::assert_snapshot!(read(reached(), Audience::Owner, true), @r#"
    A friend has reached you

    “Ben” has reached you, on Wednesday, 25 November 2026, 09:12 (Berlin time).

    There will be no reminders for 12 hours.
    "#);
    insta::assert_snapshot!(read(reached(), Audience::Friend, true), @r#"
    Anna's heartbeat: they have been reached

    Another person who was told has reached them, on Wednesday, 25 November 2026, 09:00 (Berlin time). You need not do anything now.

    There will be no reminders for 12 hours.
    "#);
}

#[test]
fn a_friend_is_asked_to_confirm() {
    insta::assert_snapshot!(read(event("channel.confirm", &json!({}), None), Audience::Friend, false), @r#"
    Anna's heartbeat: you are named to be told

    “Anna's heartbeat” (https://beat.example.org/) shows when a person last used one of their devices.

    That person names you to be told when there is no sign of life from them.

    Please confirm that you got this message. There is nothing more to do then. If you would rather not be told, ask to be removed.

    Yes, tell me: https://beat.example.org/confirm/{code}

    Remove me: https://beat.example.org/unsubscribe/{code}
    "#);
}

#[test]
fn a_channel_fails() {
    let failing = json!({ "channel": 4, "name": "Ben", "reason": "status 404", "disabled": true });
    insta::assert_snapshot!(read(event("channel.failing", &failing, None), Audience::Owner, true), @r#"
    “Ben” cannot be reached

    Nothing arrives through the channel “Ben”: status 404.

    The channel is disabled. Nothing is sent to it until you change or enable it at https://beat.example.org/manage.
    "#);
    let failing = json!({ "channel": 4, "name": "Ben", "reason": "cannot connect", "disabled": false,
        "alert_name": "48 hours" });
    insta::assert_snapshot!(read(event("channel.failing", &failing, None), Audience::Owner, true), @r#"
    “Ben” cannot be reached

    The alert “48 hours” could not be sent through the channel “Ben”: cannot connect.

    What waits, and why, is at https://beat.example.org/manage.

    Those who read “Ben” do not know of it: tell them another way.
    "#);
}

#[test]
fn events_about_devices() {
    let payload = json!({ "since": "2026-11-24T07:12:40Z", "last_beat": "2026-11-17T07:12:40Z",
        "started_at": "2026-11-24T07:12:40Z" });
    let kinds = [
        "beat",
        "device.added",
        "device.paired",
        "device.suspicious",
        "device.quiet",
        "absence.ended",
        "test",
    ];
    let texts = kinds.map(|kind| read(event(kind, &payload, Some("Laptop")), Audience::Owner, true));
    insta::assert_snapshot!(texts.join("\n---\n"), @r#"
    Heartbeat

    Laptop beat on Wednesday, 25 November 2026, 09:12 (Berlin time).
    ---
    New device

    Laptop was added on Wednesday, 25 November 2026, 09:12 (Berlin time).
    ---
    Device paired

    Laptop was paired with a code on Wednesday, 25 November 2026, 09:12 (Berlin time).

    If that was not you, make it a new token at https://beat.example.org/manage.
    ---
    Laptop never rests

    Laptop has beaten without a pause since Tuesday, 24 November 2026, 08:12 (Berlin time): maybe it is not used by a person.

    If so, say at https://beat.example.org/manage that it is no sign of life, or no alert will ever fire.
    ---
    Laptop is quiet

    Laptop has not beaten since Tuesday, 17 November 2026, 08:12 (Berlin time), 8 days ago, while other devices have.

    If it is in use, look at its agent; if it is not, archive it at https://beat.example.org/manage.
    ---
    Absence ended

    Laptop ended an absence of 1 day, from Tuesday, 24 November 2026, 08:12 (Berlin time) to Wednesday, 25 November 2026, 09:12 (Berlin time).
    ---
    This is a test

    Notifications of Anna's heartbeat arrive here.
    "#);
}
