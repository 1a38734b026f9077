//! The wording of alerts.

use super::{Reader, Tone, Wording, WordingLink, link, text, when};
use crate::{
    channel::Audience,
    humanize,
    link::LinkAction,
    notify::event::{AlertNotice, EndedBy, Event},
    settings::Timezone,
};

/// An alert fired, or repeats itself.
pub(super) fn fired(event: &Event, notice: &AlertNotice, reader: &Reader<'_>) -> Wording {
    let zone = timezone(notice, reader);
    let since = when::since(notice.since, reader.now, &zone);
    let length = humanize::in_hours((reader.now - notice.since).whole_seconds());
    let mut paragraphs = vec![silence(event, reader, &since)];
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
    paragraphs.extend(unconfirmed(notice, reader));
    let still = if notice.repetition > 0 { "still silent, for" } else { "silent for" };
    Wording {
        title: format!("{}: {still} {length}", subject(event, reader)),
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
    let length = humanize::in_hours((ended_at - notice.since).whole_seconds());
    let text = match (notice.ended_by, reader.audience) {
        (Some(EndedBy::Ok), Audience::Owner) => format!("You said on {at} that you are well."),
        (Some(EndedBy::Ok), Audience::Friend) => format!("They said themselves on {at} that they are well."),
        (_, Audience::Owner) => format!("There was a sign of life on {at}, after {length}."),
        (_, Audience::Friend) => {
            format!("There is a sign of life again: a device was used on {at}, after {length} of silence.")
        }
    };
    let mut paragraphs = vec![text];
    if reader.audience == Audience::Friend {
        paragraphs.push("There is nothing more to do. Thank you for looking after them.".to_owned());
    }
    Wording {
        title: format!("{}: all clear", subject(event, reader)),
        paragraphs,
        tone: Tone::Good,
        ..framed(notice, reader)
    }
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
        Audience::Friend => format!("{}: they have been reached", subject(event, reader)),
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
fn subject(event: &Event, reader: &Reader<'_>) -> String {
    let site = text::name(&reader.site.server_name);
    match event.device.as_ref().and_then(|device| device.name.as_deref()) {
        Some(name) => format!("{site}, {}", text::name(name)),
        None => site,
    }
}

/// What is silent, in a sentence.
fn silence(event: &Event, reader: &Reader<'_>, since: &str) -> String {
    let name = event.device.as_ref().and_then(|device| device.name.as_deref()).map(text::name);
    match (name, reader.audience) {
        (Some(name), _) => format!("The device “{name}” was last used on {since}."),
        (None, Audience::Owner) => format!("Your last sign of life was on {since}."),
        (None, Audience::Friend) => format!(
            "“{}” shows when a person last used one of their devices. Their last sign of life was on {since}.",
            text::name(&reader.site.server_name)
        ),
    }
}

/// What the owner should know: who of those that will be told has not confirmed that messages arrive.
fn unconfirmed(notice: &AlertNotice, reader: &Reader<'_>) -> Option<String> {
    if reader.audience == Audience::Friend {
        let text = "You have not confirmed yet that these messages reach you: please do.";
        return (!reader.is_confirmed).then(|| text.to_owned());
    }
    let names: Vec<String> =
        notice.unconfirmed.iter().map(|name| format!("“{}”", text::name(name))).collect();
    (!names.is_empty()).then(|| format!("Not confirmed yet: {}.", names.join(", ")))
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
