//! The declarations of all keys. An entry here is all that a key needs, besides its lines in
//! `config.example.toml`: the field of [`Config`], the flag, the name in the environment, the help and the table
//! in the book follow from it.

use std::path::PathBuf;

use ipnet::IpNet;
use url::Url;

use super::{
    error::ConfigError,
    key::{Key, Kind},
    sources::Sources,
    values::{self, Bind, Database, HeaderName, WebhookLevel, optional},
};
use crate::{
    database::Pooler,
    retention::Retention,
    secret::Secret,
    settings::{History, Precision, Timezone},
    token::SecretKey,
};

/// Declares keys: the field of `Config` and its type, then what [`Key`] holds of it, and how its value is parsed.
macro_rules! keys {
    ($(
        $(#[$doc:meta])+
        $field:ident: $type:ty = $name:literal {
            $(short: $short:literal,)?
            kind: $kind:ident,
            default: $default:expr,
            $(container_default: $container_default:literal,)?
            $(secret: $secret:literal,)?
            $(choosable: $choosable:literal,)?
            help: $help:literal,
            parse: $parse:expr,
        }
    )+) => {
        /// Everything that can be set, checked and ready for use.
        #[derive(Debug, Clone)]
        pub struct Config {
            /// Folder for Heartbeat's files: `HEARTBEAT_HOME`, or `.heartbeat` in the user's own folder.
            pub home: PathBuf,
            $($(#[$doc])+ pub $field: $type,)+
        }

        /// Every key.
        pub const KEYS: &[Key] = &[$(
            Key {
                name: $name,
                short: keys!(@option $($short)?),
                kind: Kind::$kind,
                default: $default,
                container_default: keys!(@option $($container_default)?),
                secret: keys!(@flag $($secret)?),
                choosable: keys!(@flag $($choosable)?),
                help: $help,
            },
        )+];

        impl Config {
            /// Parses the values of all keys.
            pub(super) fn parse(sources: &Sources, home: PathBuf) -> Result<Self, ConfigError> {
                Ok(Self { home, $($field: keys!(@value sources, $name, $parse $(, $choosable)?),)+ })
            }
        }
    };
    (@value $sources:ident, $name:literal, $parse:expr) => { $sources.value($name, $parse)? };
    (@value $sources:ident, $name:literal, $parse:expr, $choosable:literal) => {
        $sources.given($name, $parse)?
    };
    (@option $value:literal) => { Some($value) };
    (@option) => { None };
    (@flag $value:literal) => { $value };
    (@flag) => { false };
}

keys! {
    /// The database.
    database: Database = "database.dsn" {
        short: 'd',
        kind: Text,
        default: "postgresql://postgres@localhost/postgres",
        container_default: "postgresql://heartbeat@db/heartbeat",
        secret: true,
        help: "PostgreSQL URL, or 'embedded' for a private server started by Heartbeat",
        parse: Database::parse,
    }
    /// What stands in front of the database.
    database_pooler: Pooler = "database.pooler" {
        kind: Text,
        default: "none",
        help: "Pooler in front of the database: none, or transaction for PgBouncer and others in transaction mode",
        parse: Pooler::parse,
    }
    /// Discord webhook that notifications go to.
    webhook_url: Option<Secret<Url>> = "webhook.url" {
        kind: Text,
        default: "",
        secret: true,
        help: "Discord webhook that events are sent to",
        parse: |text| optional(text, |text| values::web_url(text).map(Secret::new)),
    }
    /// Events that it is notified of.
    webhook_level: WebhookLevel = "webhook.level" {
        kind: Text,
        default: "none",
        help: "Events to send: all, new_devices, long_absences or none",
        parse: WebhookLevel::parse,
    }
    /// Server that takes mail to channels.
    mail_url: Option<Secret<Url>> = "mail.url" {
        kind: Text,
        default: "",
        secret: true,
        help: "Server that takes mail: smtps://user:password@host, or smtp://user:password@host with STARTTLS",
        parse: |text| optional(text, |text| values::mail_url(text).map(Secret::new)),
    }
    /// Sender of mail.
    mail_from: Option<String> = "mail.from" {
        kind: Text,
        default: "",
        help: "Sender of mail, such as heartbeat@example.org; the provider has to allow it",
        parse: |text| optional(text, values::mail_address),
    }
    /// URL of another service, which is fetched each time that alerts were evaluated.
    watchdog_url: Option<Secret<Url>> = "watchdog_url" {
        kind: Text,
        default: "",
        secret: true,
        help: "URL that is fetched each time alerts were evaluated, at a service that tells you when that stops",
        parse: |text| optional(text, |text| values::web_url(text).map(Secret::new)),
    }
    /// The owner's key. Without one, no device can be registered.
    secret_key: Option<SecretKey> = "secret_key" {
        short: 's',
        kind: Text,
        default: "",
        secret: true,
        help: "Key that registers devices (see gen-key); without one, no device can be registered",
        parse: |text| optional(text, values::secret_key),
    }
    /// Token that programs read the metrics with, besides the owner's key.
    metrics_token: Option<SecretKey> = "metrics_token" {
        kind: Text,
        default: "",
        secret: true,
        help: "Token with which Prometheus reads /metrics, besides secret_key; it opens nothing else",
        parse: |text| optional(text, values::secret_key),
    }
    /// Source repository that the pages link to.
    repo: Url = "repo" {
        short: 'r',
        kind: Text,
        default: env!("CARGO_PKG_REPOSITORY"),
        help: "Source repository that the pages link to",
        parse: values::web_url,
    }
    /// Title of the pages.
    server_name: String = "server_name" {
        kind: Text,
        default: "Some person's heartbeat",
        help: "Title of the pages",
        parse: values::line_of_text,
    }
    /// URL under which the world finds this server.
    live_url: Url = "live_url" {
        short: 'u',
        kind: Text,
        default: "http://127.0.0.1:6060",
        help: "URL under which this server is reached",
        parse: values::public_url,
    }
    /// Socket that the local server listens on.
    bind: Bind = "bind" {
        short: 'b',
        kind: Text,
        default: "127.0.0.1:6060",
        help: "<host>:<port> to listen on, or unix:<path>",
        parse: Bind::parse,
    }
    /// Mode of the Unix socket that [`Config::bind`] names.
    bind_mode: u32 = "bind_mode" {
        kind: Text,
        default: "660",
        help: "Mode of the Unix socket, in octal; who may write to it may connect",
        parse: values::file_mode,
    }
    /// Group of the Unix socket that [`Config::bind`] names, if it is not that of this process.
    bind_group: Option<String> = "bind_group" {
        kind: Text,
        default: "",
        help: "Group of the Unix socket, such as www-data for nginx; Heartbeat's own if empty",
        parse: |text| optional(text, values::group),
    }
    /// URL of the stream, if it is not `/api/stats/ws` on the host that a page came from.
    ws_url: Option<Url> = "ws_url" {
        kind: Text,
        default: "",
        help: "WebSocket URL of the stream, where it is not /api/stats/ws on this server",
        parse: |text| optional(text, values::stream_url),
    }
    /// Socket for API Gateway's management calls, which post frames to the local server's WebSockets.
    management_bind: Option<Bind> = "management_bind" {
        kind: Text,
        default: "",
        help: "<loopback host>:<port> for API Gateway's management calls; the server then sends no frames of its own",
        parse: |text| optional(text, values::loopback_bind),
    }
    /// Proxies whose headers about the client IP are believed.
    trusted_proxies: Vec<IpNet> = "trusted_proxies" {
        kind: Text,
        default: "",
        help: "IP addresses and networks, separated by commas, of the proxies before this server, which tell the client's IP address in client_ip_header",
        parse: values::networks,
    }
    /// Header in which those proxies tell the client IP.
    client_ip_header: HeaderName = "client_ip_header" {
        kind: Text,
        default: "x-forwarded-for",
        help: "Header that all trusted proxies write: x-forwarded-for, forwarded, or another that holds the client's IP address",
        parse: values::header_name,
    }
    /// Viewers of the stream at the same time.
    max_viewers: usize = "max_viewers" {
        kind: Number,
        default: "10000",
        help: "Viewers of the stream at the same time; others get 503",
        parse: values::number,
    }
    /// Time zone of the owner; `None` if it may be chosen in the browser.
    timezone: Option<Timezone> = "timezone" {
        kind: Text,
        default: "UTC",
        choosable: true,
        help: "Time zone whose days and weeks are meant, by its IANA name, such as Europe/Berlin",
        parse: Timezone::parse,
    }
    /// How exact everything public is; `None` if it may be chosen in the browser.
    precision: Option<Precision> = "precision" {
        kind: Text,
        default: "exact",
        choosable: true,
        help: "How exact everything public is: exact, or as of the last full minute, quarter, hour, day or week",
        parse: Precision::parse,
    }
    /// Who sees the history; `None` if it may be chosen in the browser.
    history: Option<History> = "history" {
        kind: Text,
        default: "day",
        choosable: true,
        help: "Who but you sees when you were present: no one (off, owner), everyone by whole days (day), or everyone in full (full)",
        parse: History::parse,
    }
    /// How long rows of `beats` are kept; `None`: for ever.
    retention: Option<Retention> = "retention" {
        kind: Text,
        default: "forever",
        help: "How long single beats are kept: forever, or such as 90d or 2y. Presence, counts and records stay",
        parse: Retention::parse,
    }
}
