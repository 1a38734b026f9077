//! Facts about this server that notifications through all channels need.

use url::Url;

use crate::{
    Config,
    link::Link,
    runtime::Runtime,
    secret::Secret,
    token::{DerivedKey, Purpose},
};

/// Facts about this server.
#[derive(Debug, Clone)]
pub struct Site {
    /// `live_url`: where the world finds this server.
    pub live_url: Url,
    /// `server_name`: what the owner calls it, such as `Anna's heartbeat`.
    pub server_name: String,
    /// Key of links that act; without `secret_key` there are none.
    pub links: Option<DerivedKey>,
    /// `mail.url`: the server that sends mail.
    pub mail_url: Option<Secret<Url>>,
    /// `mail.from`: the sender of mail.
    pub mail_from: Option<String>,
    /// Where the program runs: on Lambda, private addresses are those of other tenants.
    pub runtime: Runtime,
}

impl Site {
    /// Returns the facts that the configuration tells.
    #[must_use]
    pub fn of(config: &Config, runtime: Runtime) -> Self {
        Self {
            live_url: config.live_url.clone(),
            server_name: config.server_name.clone(),
            links: config.secret_key.as_ref().map(|key| key.derive(Purpose::Link)),
            mail_url: config.mail_url.clone(),
            mail_from: config.mail_from.clone(),
            runtime,
        }
    }

    /// Returns the URL of a page of this server, such as `manage`.
    #[must_use]
    pub fn page(&self, path: &str) -> String {
        format!("{}/{path}", self.live_url.as_str().trim_end_matches('/'))
    }

    /// Returns the URL of the page with one button that does what a link allows; `None` without a secret key.
    #[must_use]
    pub fn link(&self, link: Link) -> Option<String> {
        let code = link.code(self.links.as_ref()?);
        Some(self.page(&format!("{}/{code}", link.action.path())))
    }
}

#[cfg(test)]
impl Site {
    /// A site for tests, on a server.
    pub(in crate::notify) fn example() -> Self {
        Self {
            live_url: Url::parse("https://beat.example.org/").expect("a URL"),
            server_name: "Anna's heartbeat".to_owned(),
            links: crate::token::SecretKey::parse("correct horse").map(|key| key.derive(Purpose::Link)),
            mail_url: Url::parse("smtps://user:password@mail.example.org").map(Secret::new).ok(),
            mail_from: Some("heartbeat@example.org".to_owned()),
            runtime: Runtime::Server,
        }
    }
}
