//! The wording of alerts.

use super::{Reader, Tone, Wording, WordingLink, link, text, when};
use crate::{
    channel::Audience,
    humanize,
    link::LinkAction,
    notify::event::{AlertNotice, EndedBy, Event},
    settings::Timezone,
};

/// Names of channels that are listed at most: what to do must not be cut for them.
const NAMES_MAX: usize = 5;

/// An alert fired, or repeats itself.
pub(super) fn fired(event: &Event, notice: &AlertNotice, reader: &Reader<'_>) -> Wording {
    let zone = timezone(notice, reader);
    let since = when::since(notice.since, reader.now, &zone);
    let length = humanize::in_hours((reader.now - notice.since).whole_seconds());
    let mut paragraphs = vec![silence(event, notice, reader, &since)];
    if notice.repetition > 0 {
        paragraphs.push(format!("This is reminder {}.", notice.repetition));
    }
    paragraphs.push(match reader.audience {
        Audience::Owner => "If you are well, say so: all alerts then count from that moment.".to_owned(),
        Audience::Friend => {
            "Please try to reach them, by phone for example. Once you have, say so: the others who were told need \
             not worry then."
                .to_owned()
        }
    });
    paragraphs.extend(reach(notice, reader));
    let still = if notice.repetition > 0 { "still silent, for" } else { "silent for" };
    Wording {
        title: format!("{}: {still} {length}", subject(event, notice, reader)),
        paragraphs,
        links: links(notice, reader),
        tone: Tone::Alarm,
        ..framed(notice, reader)
    }
    .led_by(notice, reader)
}

/// What an alert told of is over.
pub(super) fn resolved(event: &Event, notice: &AlertNotice, reader: &Reader<'_>) -> Wording {
    let zone = timezone(notice, reader);
    let ended_at = notice.ended_at.unwrap_or(event.happened_at);
    let at = when::local(ended_at, &zone);
    let subject = subject(event, notice, reader);
    if notice.ended_by == Some(EndedBy::Erased) {
        let mut paragraphs = vec![format!("The device was removed on {at}: nothing more is told of it.")];
        if reader.audience == Audience::Friend {
            paragraphs.push("That says nothing of how they are.".to_owned());
        }
        let title = format!("{subject}: this alert is over");
        return Wording { title, paragraphs, ..framed(notice, reader) };
    }
    let length = humanize::in_hours((ended_at - notice.since).whole_seconds());
    let mut paragraphs = vec![match notice.ended_by {
        Some(EndedBy::Ok) => match reader.audience {
            Audience::Owner => format!("You said on {at} that you are well."),
            Audience::Friend => format!("They said themselves on {at} that they are well."),
        },
        _ => sign_of_life(event, notice, reader, &at, &length),
    }];
    if reader.audience == Audience::Friend {
        paragraphs.push("There is nothing more to do. Thank you for looking after them.".to_owned());
    }
    Wording { title: format!("{subject}: all clear"), paragraphs, tone: Tone::Good, ..framed(notice, reader) }
}

/// A friend has reached the owner.
pub(super) fn reached(event: &Event, notice: &AlertNotice, reader: &Reader<'_>) -> Wording {
    let at = when::local(event.happened_at, &timezone(notice, reader));
    let text = match (&notice.reached_by, reader.audience) {
        (Some(name), Audience::Owner) => format!("“{}” has reached you, on {at}.", text::name(name)),
        (None, Audience::Owner) => format!("A friend has reached you, on {at}."),
        (_, Audience::Friend) => {
            format!("Another person who was told has reached them, on {at}. You need not do anything now.")
        }
    };
    let rest = "There will be no reminders for 12 hours.".to_owned();
    let title = match reader.audience {
        Audience::Owner => "A friend has reached you".to_owned(),
        Audience::Friend => format!("{}: they have been reached", text::name(&reader.site.server_name)),
    };
    Wording { title, paragraphs: vec![text, rest], tone: Tone::Good, ..framed(notice, reader) }
}

impl Wording {
    /// Puts the owner's own words first, and before them that it is a test, if it is one.
    fn led_by(mut self, notice: &AlertNotice, reader: &Reader<'_>) -> Self {
        if let Some(message) = &notice.message {
            self.paragraphs.insert(0, message.clone());
        }
        if notice.test {
            let name = match reader.audience {
                Audience::Owner => format!(" of the alert “{}”", text::name(&notice.name)),
                Audience::Friend => String::new(),
            };
            let text = format!("This is a test{name}. Nothing is wrong. A real message would say:");
            self.paragraphs.insert(0, text);
            self.title = format!("Test: {}", self.title);
            self.tone = Tone::Notice;
        }
        self
    }
}

/// What all wordings of alerts have in common.
fn framed(notice: &AlertNotice, reader: &Reader<'_>) -> Wording {
    let firing = (notice.firing != 0).then_some(notice.firing);
    Wording { firing, ..super::notice(reader, "", Vec::new()) }
}

/// What is silent, in a title.
fn subject(event: &Event, notice: &AlertNotice, reader: &Reader<'_>) -> String {
    let site = text::name(&reader.site.server_name);
    match device_name(event) {
        Some(name) => format!("{site}, {name}"),
        None if notice.of_one_device => format!("{site}, {}", one_device(reader)),
        None => site,
    }
}

/// What is silent, in a sentence.
fn silence(event: &Event, notice: &AlertNotice, reader: &Reader<'_>, since: &str) -> String {
    if let Some(name) = device_name(event) {
        return format!("The device “{name}” was last used on {since}.");
    }
    match (notice.of_one_device, reader.audience) {
        (true, Audience::Owner) => format!("One of your devices was last used on {since}."),
        (false, Audience::Owner) => format!("Your last sign of life was on {since}."),
        (true, Audience::Friend) => format!(
            "“{}” shows when a person last used their devices. One of these was last used on {since}.",
            text::name(&reader.site.server_name)
        ),
        (false, Audience::Friend) => format!(
            "“{}” shows when a person last used one of their devices. Their last sign of life was on {since}.",
            text::name(&reader.site.server_name)
        ),
    }
}

/// What ended the silence, in a sentence.
fn sign_of_life(event: &Event, notice: &AlertNotice, reader: &Reader<'_>, at: &str, length: &str) -> String {
    if let Some(name) = device_name(event) {
        return format!("The device “{name}” was used again on {at}, after {length}.");
    }
    match (notice.of_one_device, reader.audience) {
        (true, Audience::Owner) => format!("The device was used again on {at}, after {length}."),
        (true, Audience::Friend) => format!("That device was used again on {at}, after {length} of silence."),
        (false, Audience::Owner) => format!("There was a sign of life on {at}, after {length}."),
        (false, Audience::Friend) => {
            format!("There is a sign of life again: a device was used on {at}, after {length} of silence.")
        }
    }
}

fn device_name(event: &Event) -> Option<String> {
    event.device.as_ref().and_then(|device| device.name.as_deref()).map(text::name)
}

/// The device that an alert is about, where its name is not to be told, or it has none.
fn one_device(reader: &Reader<'_>) -> &'static str {
    match reader.audience {
        Audience::Owner => "one of your devices",
        Audience::Friend => "one of their devices",
    }
}

/// What the reader should know of the ways of messages: the owner, who of those that are told may not be reached.
fn reach(notice: &AlertNotice, reader: &Reader<'_>) -> Vec<String> {
    if reader.audience == Audience::Friend {
        let text = "You have not confirmed yet that these messages reach you: please do.";
        return if reader.is_confirmed { Vec::new() } else { vec![text.to_owned()] };
    }
    let sentences =
        [("Not confirmed yet", &notice.unconfirmed), ("Disabled, so not told", &notice.disabled_channels)];
    let named = sentences.into_iter().filter(|(_, names)| !names.is_empty());
    named.map(|(what, names)| format!("{what}: {}.", listed(names))).collect()
}

fn listed(names: &[String]) -> String {
    let quoted = |name: &String| format!("“{}”", text::name(name));
    let mut listed: Vec<String> = names.iter().take(NAMES_MAX).map(quoted).collect();
    if let more @ 1.. = names.len().saturating_sub(NAMES_MAX) {
        listed.push(format!("and {more} more"));
    }
    listed.join(", ")
}

fn links(notice: &AlertNotice, reader: &Reader<'_>) -> Vec<WordingLink> {
    let link = |label, action| link(reader, label, action, notice.firing);
    let links = match reader.audience {
        Audience::Owner => vec![link("I'm fine", LinkAction::Ok)],
        Audience::Friend => vec![
            link("I have reached them", LinkAction::Reached),
            link("These messages reach me", LinkAction::Confirm).filter(|_| !reader.is_confirmed),
        ],
    };
    links.into_iter().flatten().collect()
}

fn timezone(notice: &AlertNotice, reader: &Reader<'_>) -> Timezone {
    Timezone::parse(&notice.timezone).unwrap_or_else(|_| reader.timezone.clone())
}
