//! Messages of Discord, as they are sent.

use serde_json::json;
use time::macros::datetime;

use super::*;
use crate::{
    channel::Audience,
    notify::{event::EventDevice, site::Site},
    settings::Timezone,
};

fn body(events: &[Event]) -> Body {
    let site = Site::example();
    let (audience, is_confirmed, timezone) = (Audience::Owner, true, &Timezone::default());
    let now = datetime!(2023-11-02 10:00:00 UTC);
    Body::new(
        events,
        &Reader { channel: 5, address_version: 0, audience, is_confirmed, now, timezone, site: &site },
    )
}

fn event(kind: EventKind, device: Option<&str>) -> Event {
    Event {
        id: 1,
        kind,
        device: Some(EventDevice { id: 3, name: device.map(str::to_owned), is_public: true }),
        happened_at: datetime!(2023-11-02 09:48:40.9 UTC),
    }
}

fn message(kind: EventKind, device: Option<&str>) -> String {
    serde_json::to_string_pretty(&body(&[event(kind, device)])).expect("JSON")
}

fn alert(message: &str) -> EventKind {
    let payload = json!({
        "firing": 7, "alert": 2, "name": "For Mum", "since": "2023-11-01T07:12:40Z", "message": message,
        "public_since": "2023-11-01T07:00:00Z", "timezone": "UTC",
    });
    EventKind::parse("alert.fired", &payload).expect("a kind")
}

#[test]
fn a_beat() {
    insta::assert_snapshot!(message(EventKind::Beat, Some("Laptop")), @r##"
    {
      "username": "Heartbeat",
      "avatar_url": "https://beat.example.org/assets/icon-512.png",
      "embeds": [
        {
          "title": "Heartbeat",
          "description": "**Laptop** beat on <t:1698918520:D> at <t:1698918520:T>.",
          "color": 15026253,
          "author": {
            "name": "beat.example.org",
            "url": "https://beat.example.org/",
            "icon_url": "https://beat.example.org/assets/icon-512.png"
          }
        }
      ],
      "allowed_mentions": {
        "parse": []
      }
    }
    "##);
}

#[test]
fn a_new_device() {
    insta::assert_snapshot!(message(EventKind::DeviceAdded, Some("@everyone **x** <@1>")), @r##"
    {
      "username": "Heartbeat",
      "avatar_url": "https://beat.example.org/assets/icon-512.png",
      "embeds": [
        {
          "title": "New device",
          "description": "**\\@everyone \\*\\*x\\*\\* \\<\\@1\\>** was added on <t:1698918520:D> at <t:1698918520:T>.",
          "color": 3900150,
          "author": {
            "name": "beat.example.org",
            "url": "https://beat.example.org/",
            "icon_url": "https://beat.example.org/assets/icon-512.png"
          }
        }
      ],
      "allowed_mentions": {
        "parse": []
      }
    }
    "##);
}

#[test]
fn an_absence_that_ended() {
    let started_at = datetime!(2023-11-01 10:13:42 UTC);
    insta::assert_snapshot!(message(EventKind::AbsenceEnded(EndedAbsence { started_at }), None), @r##"
    {
      "username": "Heartbeat",
      "avatar_url": "https://beat.example.org/assets/icon-512.png",
      "embeds": [
        {
          "title": "Absence ended",
          "description": "**A device without a name** ended an absence of 23 hr 34 min, from <t:1698833622:D> <t:1698833622:T> to <t:1698918520:D> <t:1698918520:T>.",
          "color": 1483594,
          "author": {
            "name": "beat.example.org",
            "url": "https://beat.example.org/",
            "icon_url": "https://beat.example.org/assets/icon-512.png"
          }
        }
      ],
      "allowed_mentions": {
        "parse": []
      }
    }
    "##);
}

#[test]
fn names_cannot_ping_or_format() {
    assert_eq!(plain("Ada's Laptop 携帯"), "Ada\\'s Laptop 携帯");
    assert_eq!(plain("[a](https://b) <t:1:R> `c`"), "\\[a\\]\\(https\\:\\/\\/b\\) \\<t\\:1\\:R\\> \\`c\\`");
}

#[test]
fn an_alert() {
    let message = message(alert("Call **me** @everyone <b>now</b>."), Some("Phone"));
    insta::assert_snapshot!(message.split("/ok/").next().expect("a message"), @r#"
    {
      "username": "Heartbeat",
      "avatar_url": "https://beat.example.org/assets/icon-512.png",
      "embeds": [
        {
          "title": "Anna\\'s heartbeat\\, Phone\\: silent for 26 hours",
          "url": "https://beat.example.org/",
          "description": "Call \\*\\*me\\*\\* \\@everyone \\<b\\>now\\<\\/b\\>\\.\n\nThe device “Phone” was last used on Wednesday\\, 1 November 2023\\, 07\\:12 UTC\\, 26 hours ago\\.\n\nIf you are well\\, say so\\: all alerts then count from that moment\\.\n\n[I\\'m fine](https://beat.example.org
    "#);
}

#[test]
fn texts_of_any_length_fit_and_links_stay_whole() {
    let hostile = "@everyone *👩‍👩‍👧* <b> \u{202e}[x](https://x)\n".repeat(200);
    let quiet = EventKind::parse("device.quiet", &json!({ "last_beat": "2023-11-01T07:12:40Z" }));
    let ten = vec![event(quiet.expect("a kind"), Some(&hostile)); MAX_EMBEDS];
    for events in [vec![event(alert(&hostile), Some(&hostile))], ten] {
        let body = body(&events);
        let size = |text: &str| text.encode_utf16().count();
        let mut total = 0;
        for embed in &body.embeds {
            assert!(size(&embed.title) <= TITLE_MAX && size(&embed.description) <= DESCRIPTION_MAX);
            total += size(&embed.title) + size(&embed.description) + size(&embed.author.name);
        }
        assert!(total <= MESSAGE_MAX, "{total}");
        if events.len() == 1 {
            assert!(body.embeds[0].description.ends_with(')'), "{}", body.embeds[0].description);
        }
        assert!(body.allowed_mentions.parse.is_empty());
    }
}

#[test]
fn a_cut_does_not_fall_into_an_escape() {
    assert_eq!(plain_within("****", 5), "\\*\\*…");
    assert_eq!(plain_within("****", 4), "\\*…");
    assert_eq!(plain_within("\\\\\\", 4), "\\\\…");
    assert_eq!(plain_within("****", 8), "\\*\\*\\*\\*");
}
