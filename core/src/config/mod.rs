//! Configuration: every key, where its value may come from, and what it must look like.
//!
//! - [`keys`]: the table of keys. Flags, environment names and the sample file follow from it.
//! - [`sources`]: what the command line, the environment and the file say.
//! - [`values`]: what a value must look like.
//! - [`error`]: the one line that says what is wrong and where.

pub mod error;
pub mod keys;
pub mod sources;
pub mod values;

use std::path::PathBuf;

use ipnet::IpNet;
use url::Url;

pub use error::ConfigError;
pub use keys::{KEYS, Key};
pub use sources::{Environment, Flags, Profile};
pub use values::{Bind, Database, WebhookLevel};

use crate::{secret::Secret, token::SecretKey};
use sources::Sources;

/// Everything that can be set, checked and ready for use.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where Heartbeat keeps its files: `HEARTBEAT_HOME`, or `.heartbeat` in the user's own folder.
    pub home: PathBuf,
    /// `database.dsn`: the database. Default: `postgresql://heartbeat@db/heartbeat` in a container,
    /// else `postgresql://postgres@localhost/postgres`.
    pub database: Database,
    /// `webhook.url`: where events are told. Default: nowhere.
    pub webhook_url: Option<Secret<Url>>,
    /// `webhook.level`: which events are told. Default: none.
    pub webhook_level: WebhookLevel,
    /// `secret_key`: registers devices. Default: none, and then nobody can.
    pub secret_key: Option<SecretKey>,
    /// `repo`: where the pages say the source is. Default: the project's repository.
    pub repo: Url,
    /// `server_name`: title of the pages. Default: `Some person's heartbeat`.
    pub server_name: String,
    /// `live_url`: where the world finds this server. Default: `http://127.0.0.1:6060`.
    pub live_url: Url,
    /// `bind`: where the local server listens. Default: `127.0.0.1:6060`.
    pub bind: Bind,
    /// `ws_url`: where pages find the stream, if not at `/api/stats/ws` on the host that they came from.
    pub ws_url: Option<Url>,
    /// `management_bind`: where others may post to the local server's WebSockets, as they post to
    /// those of API Gateway. Default: nowhere.
    pub management_bind: Option<Bind>,
    /// `trusted_proxies`: from where headers about the client's address are believed. Default: nowhere.
    pub trusted_proxies: Vec<IpNet>,
    /// `max_viewers`: how many may watch the local server's stream. Default: 10,000.
    pub max_viewers: usize,
}

impl Config {
    /// Puts together what the command line, the environment and the configuration file say, the
    /// first of them winning. Fails on the first key that is unknown, of the wrong type, or set to
    /// a value that it cannot have, and on a named file that cannot be read.
    pub fn load(flags: &Flags, environment: &Environment) -> Result<Self, ConfigError> {
        let home = environment.home()?;
        let sources = Sources::gather(flags, environment, &home)?;
        Ok(Self {
            database: sources.value(&keys::DATABASE_DSN, |text| {
                let default = if environment.in_container {
                    "postgresql://heartbeat@db/heartbeat"
                } else {
                    "postgresql://postgres@localhost/postgres"
                };
                Database::parse(text.unwrap_or(default))
            })?,
            webhook_url: sources.value(&keys::WEBHOOK_URL, |text| match text {
                None | Some("") => Ok(None),
                Some(text) => values::web_address(text).map(|url| Some(Secret::new(url))),
            })?,
            webhook_level: sources
                .value(&keys::WEBHOOK_LEVEL, |text| WebhookLevel::parse(text.unwrap_or("none")))?,
            secret_key: sources.value(&keys::SECRET_KEY, |text| match text {
                None | Some("") => Ok(None),
                Some(text) => SecretKey::parse(text).map(Some).ok_or(values::EXPECTED_SECRET_KEY),
            })?,
            repo: sources.value(&keys::REPO, |text| {
                values::web_address(text.unwrap_or(env!("CARGO_PKG_REPOSITORY")))
            })?,
            server_name: sources.value(&keys::SERVER_NAME, |text| {
                values::line_of_text(text.unwrap_or("Some person's heartbeat"))
            })?,
            live_url: sources.value(&keys::LIVE_URL, |text| {
                values::public_address(text.unwrap_or("http://127.0.0.1:6060"))
            })?,
            bind: sources.value(&keys::BIND, |text| Bind::parse(text.unwrap_or("127.0.0.1:6060")))?,
            ws_url: sources.value(&keys::WS_URL, |text| match text {
                None | Some("") => Ok(None),
                Some(text) => values::stream_address(text).map(Some),
            })?,
            management_bind: sources.value(&keys::MANAGEMENT_BIND, |text| match text {
                None | Some("") => Ok(None),
                Some(text) => values::private_bind(text).map(Some),
            })?,
            trusted_proxies: sources
                .value(&keys::TRUSTED_PROXIES, |text| values::networks(text.unwrap_or_default()))?,
            max_viewers: sources
                .value(&keys::MAX_VIEWERS, |text| text.unwrap_or("10000").parse().map_err(|_| "a number"))?,
            home,
        })
    }
}

#[cfg(test)]
mod tests;
