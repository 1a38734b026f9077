//! A notification as a mail: text and HTML alternatives, threaded by firing.
//!
//! Sources: RFC 5322 section 3.6.4 (`Message-ID`, `References`), RFC 3834 section 5 (`Auto-Submitted`), RFC 2369 and RFC
//! 8058 (unsubscribing with one click).

use std::time::SystemTime;

use lettre::{
    Address, Message,
    error::Error,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};
use url::Host;

use super::super::{
    event::{AlertNotice, Event, EventKind},
    wording::{self, Reader, Wording},
};
use crate::{channel::Audience, link::LinkAction};

/// What the link says by which a friend unsubscribes.
const GET_NO_MORE: &str = "Get no more of these messages";

/// Makes the message that tells of an event.
pub(super) fn of(event: &Event, reader: &Reader<'_>, from: &Mailbox, to: &Address) -> Result<Message, Error> {
    let wording = wording::of(event, reader);
    let ids = Ids::of(event, reader, from.email.domain());
    let unsubscribe =
        (reader.audience == Audience::Friend).then(|| reader.link(LinkAction::Unsubscribe, 0)).flatten();
    let mut builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(in_one_line(&wording.title))
        .date(SystemTime::from(reader.now))
        .message_id(Some(ids.message))
        .raw_header(header("Auto-Submitted", "auto-generated"));
    if let Some(thread) = ids.thread {
        builder = builder.in_reply_to(thread.clone()).references(thread);
    }
    if let Some(url) = unsubscribe.as_ref().filter(|_| reader.site.live_url.scheme() == "https") {
        builder = builder
            .raw_header(header("List-Unsubscribe", &format!("<{url}>")))
            .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
    }
    let unsubscribe = unsubscribe.as_deref();
    builder.multipart(MultiPart::alternative_plain_html(
        plain(&wording, unsubscribe),
        html(&wording, unsubscribe),
    ))
}

/// The ids by which mail programs know messages, and show those of one firing together.
struct Ids {
    /// Id of the message: the same in every attempt, and another in every database.
    message: String,
    /// What all messages about a firing refer to, from the first on: no message has this id.
    thread: Option<String>,
}

impl Ids {
    fn of(event: &Event, reader: &Reader<'_>, sender_domain: &str) -> Self {
        let domain = match reader.site.live_url.host() {
            Some(Host::Domain(domain)) => domain,
            _ => sender_domain,
        };
        let firing = notice(event).map(|notice| notice.firing).filter(|firing| *firing != 0);
        Self {
            message: format!("<event.{}.{}@{domain}>", event.id, event.happened_at.unix_timestamp()),
            thread: firing.map(|firing| format!("<firing.{firing}.{}@{domain}>", reader.channel)),
        }
    }
}

fn notice(event: &Event) -> Option<&AlertNotice> {
    match &event.kind {
        EventKind::AlertFired(notice)
        | EventKind::AlertResolved(notice)
        | EventKind::AlertReached(notice) => Some(notice),
        _ => None,
    }
}

/// A header of printable ASCII, which is neither encoded nor folded: some providers read a folded one of RFC 8058 as none.
fn header(name: &'static str, value: &str) -> HeaderValue {
    let name = HeaderName::new_from_ascii_str(name);
    HeaderValue::dangerous_new_pre_encoded(name, value.to_owned(), value.to_owned())
}

fn in_one_line(text: &str) -> String {
    text.split(char::is_control).collect::<Vec<_>>().join(" ")
}

fn plain(wording: &Wording, unsubscribe: Option<&str>) -> String {
    let links = wording.links.iter().map(|link| format!("{}:\n{}", link.label, link.url));
    let paragraphs: Vec<String> = wording.paragraphs.iter().cloned().chain(links).collect();
    let unsubscribe = unsubscribe.map(|url| format!("{GET_NO_MORE}: {url}\n")).unwrap_or_default();
    // Two hyphens and a blank begin what is no part of the message.
    format!("{}\n\n-- \n{}\n{unsubscribe}", paragraphs.join("\n\n"), wording.page)
}

/// The same in HTML that loads nothing.
fn html(wording: &Wording, unsubscribe: Option<&str>) -> String {
    let paragraphs =
        wording.paragraphs.iter().map(|text| format!("<p>{}</p>", escape(text).replace('\n', "<br>")));
    let links = wording.links.iter().map(|it| format!("<p><b>{}</b></p>", link(&it.url, it.label)));
    let body: String = paragraphs.chain(links).collect();
    let unsubscribe = unsubscribe.map(|url| format!("<br>{}", link(url, GET_NO_MORE))).unwrap_or_default();
    let page = link(&wording.page, &wording.page);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"></head>\
         <body style=\"font-family:sans-serif;font-size:16px;line-height:1.5\">{body}\
         <hr><p style=\"font-size:13px\">{page}{unsubscribe}</p></body></html>\n"
    )
}

fn link(url: &str, label: &str) -> String {
    format!("<a href=\"{}\">{}</a>", escape(url), escape(label))
}

/// Escapes text for HTML, in elements and in quoted attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
