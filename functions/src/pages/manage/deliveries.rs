//! What waits in the outbox and why, in words.

use heartbeat_core::{
    channel::{CONFIGURED_DISCORD, CONFIGURED_NAME, UNSUBSCRIBED},
    database::delivery_state::{ChannelState, DeadLetter},
    humanize,
};
use time::OffsetDateTime;

use crate::pages::Moment;

/// Age from which on an event that waits is worth a word: deliveries to one channel are gathered for a few seconds.
const WAITS_LONG: i64 = 60;

/// What there is to say of a channel.
pub(super) struct ChannelNote {
    pub(super) name: String,
    pub(super) sentences: Vec<String>,
}

/// A dead letter in words.
pub(super) struct DeadNote {
    pub(super) what: &'static str,
    pub(super) channel: String,
    pub(super) when: Option<Moment>,
    /// Why it was given up.
    pub(super) reason: Option<String>,
}

/// Returns what is worth a word of each channel. Nothing is where all was delivered.
pub(super) fn notes(channels: &[ChannelState], now: OffsetDateTime) -> Vec<ChannelNote> {
    let note = |channel: &ChannelState| {
        let sentences = sentences(channel, now);
        let name = channel_name(&channel.channel, channel.name.as_deref());
        (!sentences.is_empty()).then_some(ChannelNote { name, sentences })
    };
    channels.iter().filter_map(note).collect()
}

/// Returns the dead letters in words.
pub(super) fn dead(letters: &[DeadLetter], channels: &[ChannelState]) -> Vec<DeadNote> {
    let name = |key: &str| {
        let channel = channels.iter().find(|channel| channel.channel == key);
        channel_name(key, channel.and_then(|channel| channel.name.as_deref()))
    };
    let note = |letter: &DeadLetter| DeadNote {
        what: what(&letter.kind),
        channel: name(&letter.channel),
        when: letter.happened_at.and_then(|at| Moment::at(at.unix_timestamp())),
        reason: letter.failure.clone(),
    };
    letters.iter().map(note).collect()
}

/// Returns the words for a kind of event.
fn what(kind: &str) -> &'static str {
    match kind {
        "beat" => "A beat",
        "device.added" => "A device was added",
        "device.paired" => "A device was paired",
        "device.suspicious" => "A device beat without a pause",
        "device.quiet" => "A device was silent for a week",
        "absence.ended" => "A long absence ended",
        "alert.fired" => "An alert",
        "alert.resolved" => "The end of an alert",
        "alert.reached" => "A friend reached you",
        "channel.confirm" => "The request to confirm the channel",
        "channel.failing" => "Another channel could not be reached",
        "test" => "A test",
        _ => "An event",
    }
}

fn channel_name(key: &str, name: Option<&str>) -> String {
    match name {
        Some(name) => name.to_owned(),
        None if key == CONFIGURED_DISCORD => CONFIGURED_NAME.to_owned(),
        None => "A channel that was removed".to_owned(),
    }
}

fn sentences(channel: &ChannelState, now: OffsetDateTime) -> Vec<String> {
    let age = |since: OffsetDateTime| (now - since).whole_seconds().max(0);
    let mut sentences = Vec::new();
    if let Some(reason) = &channel.disabled_reason {
        let since = channel.disabled_at.map_or_else(String::new, |at| format!(" {}", humanize::ago(age(at))));
        sentences.push(if reason == UNSUBSCRIBED {
            format!("Its reader wanted no more messages{since}. Nothing is sent to it.")
        } else {
            format!("It refused everything for good{since} ({reason}). Nothing is sent to it until its settings change.")
        });
    }
    let waits = channel.waiting_since.map(age);
    let is_stuck = channel.failed_attempts > 0 || waits.is_some_and(|age| age >= WAITS_LONG);
    if channel.waiting > 0 && (is_stuck || channel.disabled_reason.is_some()) {
        let since =
            waits.map_or_else(String::new, |age| format!(", the oldest for {}", humanize::duration(age)));
        sentences.push(format!("{} waiting{since}.", waiting(channel.waiting)));
    }
    if channel.failed_attempts > 0 {
        let attempts = humanize::count(channel.failed_attempts.into(), "attempt");
        let next = channel.next_attempt_at.map(|at| (at - now).whole_seconds().max(1));
        let next =
            next.map_or_else(|| "now".to_owned(), |seconds| format!("in {}", humanize::duration(seconds)));
        let reason = channel.failure.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
        sentences.push(format!("{attempts} failed{reason}, the next is due {next}."));
    }
    if channel.dead > 0 {
        let letters = humanize::count(channel.dead, "notification");
        sentences.push(format!("{letters} given up in the last week."));
    }
    sentences
}

fn waiting(number: i64) -> String {
    let verb = if number == 1 { "is" } else { "are" };
    format!("{} {verb}", humanize::count(number, "notification"))
}

#[cfg(test)]
mod tests {
    use heartbeat_core::notify::event::EventKind;
    use time::{Duration, macros::datetime};

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-26 12:00:00 UTC);

    fn channel() -> ChannelState {
        ChannelState {
            channel: CONFIGURED_DISCORD.to_owned(),
            name: None,
            waiting: 0,
            waiting_since: None,
            dead: 0,
            failed_attempts: 0,
            failure: None,
            next_attempt_at: None,
            disabled_reason: None,
            disabled_at: None,
        }
    }

    fn said(channel: &ChannelState) -> String {
        let notes = notes(std::slice::from_ref(channel), NOW);
        notes.first().map(|note| format!("{}: {}", note.name, note.sentences.join(" "))).unwrap_or_default()
    }

    #[test]
    fn nothing_is_said_of_what_is_being_delivered() {
        assert_eq!(said(&channel()), "");
        let under_way =
            ChannelState { waiting: 3, waiting_since: Some(NOW - Duration::seconds(2)), ..channel() };
        assert_eq!(said(&under_way), "");
    }

    #[test]
    fn what_waits_is_said_with_the_reason() {
        let failing = ChannelState {
            waiting: 1,
            waiting_since: Some(NOW - Duration::minutes(7)),
            failed_attempts: 5,
            failure: Some("status 503".to_owned()),
            next_attempt_at: Some(NOW + Duration::seconds(90)),
            ..channel()
        };
        assert_eq!(
            said(&failing),
            "Discord: 1 notification is waiting, the oldest for 7 min. 5 attempts failed (status 503), the next is \
             due in 1 min 30 sec."
        );
        let refused = ChannelState {
            waiting: 1_200,
            waiting_since: Some(NOW - Duration::days(1)),
            dead: 2,
            disabled_reason: Some("status 404".to_owned()),
            disabled_at: Some(NOW - Duration::days(2)),
            ..channel()
        };
        assert_eq!(
            said(&refused),
            "Discord: It refused everything for good 2 days ago (status 404). Nothing is sent to it until its \
             settings change. 1,200 notifications are waiting, the oldest for 1 day. 2 notifications given up in the \
             last week."
        );
    }

    #[test]
    fn a_reader_who_wanted_no_more_did_not_refuse() {
        let left = ChannelState {
            disabled_reason: Some(UNSUBSCRIBED.to_owned()),
            disabled_at: Some(NOW),
            ..channel()
        };
        assert_eq!(
            said(&left),
            "Discord: Its reader wanted no more messages just now. Nothing is sent to it."
        );
    }

    #[test]
    fn dead_letters_of_every_kind_have_words_and_a_reason() {
        for kind in EventKind::NAMES {
            let letter = DeadLetter {
                id: 1,
                channel: CONFIGURED_DISCORD.to_owned(),
                kind: kind.to_owned(),
                happened_at: Some(NOW),
                failure: Some("status 400".to_owned()),
            };
            let notes = dead(&[letter], &[]);
            assert_ne!(notes[0].what, "An event", "{kind}");
            assert_eq!((&*notes[0].channel, notes[0].reason.as_deref()), ("Discord", Some("status 400")));
        }
    }

    #[test]
    fn channels_have_names() {
        let stored = ChannelState {
            channel: "channel:7".to_owned(),
            name: Some("Anna".to_owned()),
            dead: 1,
            ..channel()
        };
        assert_eq!(said(&stored), "Anna: 1 notification given up in the last week.");
        let removed = ChannelState { channel: "channel:7".to_owned(), dead: 1, ..channel() };
        assert_eq!(said(&removed), "A channel that was removed: 1 notification given up in the last week.");
    }
}
