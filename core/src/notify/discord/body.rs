//! Messages of Discord: embeds within its limits, in which no text means more than it says.

#[cfg(test)]
mod tests;

use serde::Serialize;
use url::Url;

use super::super::{
    event::{EndedAbsence, Event, EventKind},
    text,
    wording::{self, Reader, Tone, Wording},
};
use crate::humanize;

/// Embeds that one message holds at most.
pub(super) const MAX_EMBEDS: usize = 10;

/// Characters that a title, a description and the name of an author have at most, and all of those in one message. Whether Discord
/// counts characters beyond the first 65,536 as one or two is not documented: two is safe.
const TITLE_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 4_096;
const AUTHOR_MAX: usize = 256;
const MESSAGE_MAX: usize = 6_000;

/// A message.
#[derive(Debug, Serialize)]
pub(super) struct Body {
    username: &'static str,
    avatar_url: String,
    embeds: Vec<Embed>,
    allowed_mentions: AllowedMentions,
}

#[derive(Debug, Serialize)]
struct Embed {
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    description: String,
    color: u32,
    author: Author,
}

#[derive(Debug, Serialize)]
struct Author {
    name: String,
    url: String,
    icon_url: String,
}

/// Mentions in names notify no one.
#[derive(Debug, Serialize)]
struct AllowedMentions {
    parse: [&'static str; 0],
}

impl Body {
    /// Makes the body of a message that tells of these events.
    pub(super) fn new(events: &[Event], reader: &Reader<'_>) -> Self {
        let share = MESSAGE_MAX / events.len().max(1);
        Self {
            username: "Heartbeat",
            avatar_url: icon(&reader.site.live_url),
            embeds: events.iter().map(|event| Embed::new(event, reader, share)).collect(),
            allowed_mentions: AllowedMentions { parse: [] },
        }
    }
}

impl Embed {
    /// Makes an embed whose texts have at most `share` characters together.
    fn new(event: &Event, reader: &Reader<'_>, share: usize) -> Self {
        let live_url = &reader.site.live_url;
        let host = live_url.host_str().unwrap_or_default();
        let author = Author {
            name: text::cut_to_utf16(host, AUTHOR_MAX.min(share / 6)),
            url: live_url.to_string(),
            icon_url: icon(live_url),
        };
        let title_max = TITLE_MAX.min(share / 4);
        let max = DESCRIPTION_MAX.min(share - share / 6 - title_max);
        if let Some((title, description, color)) = short(event) {
            let description = text::cut_to_utf16(&description, max);
            return Self { title: title.to_owned(), url: None, description, color, author };
        }
        let wording = wording::of(event, reader);
        Self {
            title: plain_within(&wording.title, title_max),
            description: description(&wording, max),
            color: color(wording.tone),
            url: Some(wording.page),
            author,
        }
    }
}

/// What there is to say of events that come by the dozen, with times in the reader's own time zone.
fn short(event: &Event) -> Option<(&'static str, String, u32)> {
    let name = plain(event.device_name());
    let at = event.happened_at.unix_timestamp();
    match &event.kind {
        EventKind::Beat => {
            Some(("Heartbeat", format!("**{name}** beat on <t:{at}:D> at <t:{at}:T>."), 0x00e5_484d))
        }
        EventKind::DeviceAdded => {
            Some(("New device", format!("**{name}** was added on <t:{at}:D> at <t:{at}:T>."), 0x003b_82f6))
        }
        EventKind::AbsenceEnded(EndedAbsence { started_at }) => {
            let length = humanize::duration((event.happened_at - *started_at).whole_seconds());
            let since = started_at.unix_timestamp();
            let span = format!("from <t:{since}:D> <t:{since}:T> to <t:{at}:D> <t:{at}:T>");
            Some(("Absence ended", format!("**{name}** ended an absence of {length}, {span}."), 0x0016_a34a))
        }
        _ => None,
    }
}

/// The text of a wording. What does not fit is cut before the links.
fn description(wording: &Wording, max: usize) -> String {
    let links = wording.links.iter().map(|link| format!("\n\n[{}]({})", plain(link.label), link.url));
    let links: String = links.collect();
    let max = max.saturating_sub(links.len());
    format!("{}{links}", plain_within(&wording.paragraphs.join("\n\n"), max))
}

fn color(tone: Tone) -> u32 {
    match tone {
        Tone::Alarm => 0x00dc_2626,
        Tone::Warning => 0x00f5_9e0b,
        Tone::Good => 0x0016_a34a,
        Tone::Notice => 0x0064_748b,
    }
}

fn icon(live_url: &Url) -> String {
    format!("{}/assets/icon-512.png", live_url.as_str().trim_end_matches('/'))
}

/// Escapes text for Discord, which shows any sign behind a backslash as it is.
fn plain(text: &str) -> String {
    let escaped = |c: char| c.is_ascii_punctuation().then_some('\\').into_iter().chain([c]);
    text.chars().flat_map(escaped).collect()
}

/// The same, cut to `max` characters, and not within what a backslash escapes.
fn plain_within(text: &str, max: usize) -> String {
    let mut cut = text::cut_to_utf16(&plain(text), max);
    let backslashes = |text: &str| text.len() - text.trim_end_matches('\\').len();
    if let Some(before) = cut.strip_suffix('…').filter(|before| backslashes(before) % 2 == 1) {
        cut = format!("{}…", &before[..before.len() - 1]);
    }
    cut
}
