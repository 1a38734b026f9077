//! Mail: one message for each event, through the server of the configuration (`mail.url`).
//!
//! - [`connection`]: connections on which no answer is without end.
//! - [`message`]: the message, as text and as HTML.
//! - [`server`]: the server, and what its answers mean.

mod connection;
mod message;
mod server;

use futures_util::future::BoxFuture;
use lettre::{Address, message::Mailbox};
use serde_json::Value;

use self::server::MailServer;
use super::{
    channel::{Channel, ChannelKind, Setting, text_setting},
    event::Event,
    http::Http,
    outcome::Outcome,
    site::Site,
    wording::Reader,
};

/// The kind `mail`, with the setting `to`.
pub(super) const KIND: ChannelKind = ChannelKind { name: "mail", settings: &[Setting::open("to")], make };

#[derive(Debug)]
struct Mail {
    server: MailServer,
    from: Mailbox,
    to: Address,
}

fn make(settings: &Value, site: &Site) -> Result<Box<dyn Channel>, String> {
    Ok(Box::new(Mail::new(settings, site)?))
}

impl Channel for Mail {
    fn max_events(&self) -> usize {
        1
    }

    fn send<'a>(
        &'a self,
        events: &'a [Event],
        reader: &'a Reader<'a>,
        _: &'a Http,
    ) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match message::of(&events[0], reader, &self.from, &self.to) {
                Ok(message) => self.server.send(&message).await,
                Err(_) => Outcome::Refused("no message can be made of it".to_owned()),
            }
        })
    }
}

impl Mail {
    fn new(settings: &Value, site: &Site) -> Result<Self, String> {
        let to = text_setting(settings, "to").and_then(|text| text.parse().ok());
        let to = to.ok_or("to: expected a mail address such as name@example.org")?;
        let (Some(url), Some(from)) = (&site.mail_url, &site.mail_from) else {
            return Err("mail cannot be sent: set mail.url and mail.from in the configuration".to_owned());
        };
        let from = from.parse().map_err(|_| "mail.from: expected a mail address such as name@example.org")?;
        Ok(Self {
            server: MailServer::new(url, &from)?,
            from: Mailbox::new(Some(site.server_name.clone()), from),
            to,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_channel_needs_an_address_and_a_server_that_takes_mail() {
        let site = Site::example();
        let problem =
            |site: &Site, to: &str| Mail::new(&json!({ "to": to }), site).map(drop).expect_err("a problem");
        for to in ["", "anna", "anna@", "anna@example.org\r\nBcc: ben@example.org", "Anna <anna@example.org>"]
        {
            assert!(problem(&site, to).starts_with("to: "), "{to}");
        }
        assert!(Mail::new(&json!({ "to": "anna@example.org" }), &site).is_ok());
        for missing in [Site { mail_url: None, ..site.clone() }, Site { mail_from: None, ..site.clone() }] {
            assert!(problem(&missing, "anna@example.org").contains("set mail.url and mail.from"));
        }
    }
}
