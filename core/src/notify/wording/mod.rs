//! The wording of notifications: what all kinds of channels say, in plain text.
//!
//! A reader may be frightened, and may never have heard of this service: a wording says who it is about, since when, what
//! to do, and nothing else.
//!
//! - [`alerts`]: of the events about firings.
//! - [`when`]: times and spans.

mod alerts;
#[cfg(test)]
mod tests;
mod when;

use time::OffsetDateTime;

use super::{
    event::{Event, EventKind, FailingChannel},
    site::Site,
    text,
};
use crate::{
    channel::Audience,
    humanize,
    link::{Link, LinkAction},
    settings::Timezone,
};

/// Who reads a notification, and when it is sent.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// Id of the channel that it is sent through.
    pub channel: i64,
    /// Version of the channel's address, for links.
    pub address_version: i32,
    /// Who reads that channel.
    pub audience: Audience,
    /// Whether a friend has said that the channel reaches them; always so for the owner's.
    pub is_confirmed: bool,
    /// Time of the attempt to deliver: ages are as of then.
    pub now: OffsetDateTime,
    /// Time zone of times in the text.
    pub timezone: &'a Timezone,
    /// Facts about this server.
    pub site: &'a Site,
}

impl Reader<'_> {
    /// Returns the URL of the page with one button that allows the reader `action`; `None` without a secret key. `firing` is 0
    /// where there is none.
    #[must_use]
    pub fn link(&self, action: LinkAction, firing: i64) -> Option<String> {
        let (channel, address_version) = (self.channel, self.address_version);
        self.site.link(Link { action, firing, channel, address_version })
    }
}

/// How urgent a notification is, by which services choose color, sound and priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Something may have happened to the owner.
    Alarm,
    /// Something does not work.
    Warning,
    /// All is well.
    Good,
    /// Something to know.
    Notice,
}

/// A notification in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording {
    /// One line that stands for all.
    pub title: String,
    /// The text. The owner's own words may hold line breaks, no other paragraph does.
    pub paragraphs: Vec<String>,
    /// Links that act, each by a page with one button. Not for places that strangers can read.
    pub links: Vec<WordingLink>,
    /// URL of the page to look at.
    pub page: String,
    /// How urgent it is.
    pub tone: Tone,
    /// The firing of an alert that it tells of: services show what is about the same one together.
    pub firing: Option<i64>,
}

/// A link to a page with one button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordingLink {
    /// What the button says.
    pub label: &'static str,
    /// URL of the page.
    pub url: String,
    /// What the button does.
    pub action: LinkAction,
}

impl Wording {
    /// Returns title-less plain text: paragraphs, then a line for each link.
    #[must_use]
    pub fn text(&self) -> String {
        let links = self.links.iter().map(|link| format!("{}: {}", link.label, link.url));
        self.paragraphs.iter().cloned().chain(links).collect::<Vec<_>>().join("\n\n")
    }
}

/// Puts an event into words. For a friend, it must be one [as strangers may know it](Event::for_strangers).
#[must_use]
pub fn of(event: &Event, reader: &Reader<'_>) -> Wording {
    match &event.kind {
        EventKind::AlertFired(notice) => alerts::fired(event, notice, reader),
        EventKind::AlertResolved(notice) => alerts::resolved(event, notice, reader),
        EventKind::AlertReached(notice) => alerts::reached(event, notice, reader),
        EventKind::ChannelConfirm => confirm(reader),
        EventKind::ChannelFailing(failing) => channel_failing(failing, reader),
        EventKind::Test => {
            let text = format!("Notifications of {} arrive here.", text::name(&reader.site.server_name));
            notice(reader, "This is a test", vec![text])
        }
        _ => of_device(event, reader),
    }
}

fn of_device(event: &Event, reader: &Reader<'_>) -> Wording {
    let name = text::name(event.device_name());
    let at = when::local(event.happened_at, reader.timezone);
    let manage = reader.site.page("manage");
    match &event.kind {
        EventKind::DeviceAdded => notice(reader, "New device", vec![format!("{name} was added on {at}.")]),
        EventKind::DevicePaired => {
            let advice = format!("If that was not you, make it a new token at {manage}.");
            let text = format!("{name} was paired with a code on {at}.");
            notice(reader, "Device paired", for_owner(reader, text, advice))
        }
        EventKind::DeviceSuspicious(device) => {
            let since = when::local(device.since, reader.timezone);
            let text =
                format!("{name} has beaten without a pause since {since}: maybe it is not used by a person.");
            let advice =
                format!("If so, say at {manage} that it is no sign of life, or no alert will ever fire.");
            warning(reader, &format!("{name} never rests"), for_owner(reader, text, advice))
        }
        EventKind::DeviceQuiet(device) => {
            let since = when::since(device.last_beat, reader.now, reader.timezone);
            let text = format!("{name} has not beaten since {since}, while other devices have.");
            let advice = format!("If it is in use, look at its agent; if it is not, archive it at {manage}.");
            warning(reader, &format!("{name} is quiet"), for_owner(reader, text, advice))
        }
        EventKind::AbsenceEnded(absence) => {
            let length = humanize::duration((event.happened_at - absence.started_at).whole_seconds());
            let from = when::local(absence.started_at, reader.timezone);
            let text = format!("{name} ended an absence of {length}, from {from} to {at}.");
            Wording { tone: Tone::Good, ..notice(reader, "Absence ended", vec![text]) }
        }
        _ => notice(reader, "Heartbeat", vec![format!("{name} beat on {at}.")]),
    }
}

/// Asks a friend to confirm a channel.
fn confirm(reader: &Reader<'_>) -> Wording {
    let name = text::name(&reader.site.server_name);
    let paragraphs = vec![
        format!("“{name}” ({}) shows when a person last used one of their devices.", reader.site.live_url),
        "That person names you to be told when there is no sign of life from them.".to_owned(),
        "Please confirm that you got this message. There is nothing more to do then. If you would rather not be told, \
         ask to be removed."
            .to_owned(),
    ];
    let links = vec![
        link(reader, "Yes, tell me", LinkAction::Confirm, 0),
        link(reader, "Remove me", LinkAction::Unsubscribe, 0),
    ];
    Wording {
        links: links.into_iter().flatten().collect(),
        ..notice(reader, &format!("{name}: you are named to be told"), paragraphs)
    }
}

fn channel_failing(failing: &FailingChannel, reader: &Reader<'_>) -> Wording {
    let name = text::name(&failing.name);
    let mut paragraphs = vec![match &failing.alert_name {
        Some(alert) => format!(
            "The alert “{}” could not be sent through the channel “{name}”: {}.",
            text::name(alert),
            failing.reason
        ),
        None => format!("Nothing arrives through the channel “{name}”: {}.", failing.reason),
    }];
    let manage = reader.site.page("manage");
    paragraphs.push(if failing.disabled {
        format!("The channel is disabled. Nothing is sent to it until you change or enable it at {manage}.")
    } else {
        format!("What waits, and why, is at {manage}.")
    });
    if failing.alert_name.is_some() {
        paragraphs.push(format!("Those who read “{name}” do not know of it: tell them another way."));
    }
    warning(reader, &format!("“{name}” cannot be reached"), paragraphs)
}

fn notice(reader: &Reader<'_>, title: &str, paragraphs: Vec<String>) -> Wording {
    Wording {
        title: title.to_owned(),
        paragraphs,
        links: Vec::new(),
        page: reader.site.live_url.to_string(),
        tone: Tone::Notice,
        firing: None,
    }
}

/// A warning to the owner, which is about what can be changed at `/manage`.
fn warning(reader: &Reader<'_>, title: &str, paragraphs: Vec<String>) -> Wording {
    let page = match reader.audience {
        Audience::Owner => reader.site.page("manage"),
        Audience::Friend => reader.site.live_url.to_string(),
    };
    Wording { page, tone: Tone::Warning, ..notice(reader, title, paragraphs) }
}

/// A text, with advice that only the owner can follow.
fn for_owner(reader: &Reader<'_>, text: String, advice: String) -> Vec<String> {
    let mut paragraphs = vec![text];
    if reader.audience == Audience::Owner {
        paragraphs.push(advice);
    }
    paragraphs
}

fn link(reader: &Reader<'_>, label: &'static str, action: LinkAction, firing: i64) -> Option<WordingLink> {
    let url = reader.link(action, firing)?;
    Some(WordingLink { label, url, action })
}
