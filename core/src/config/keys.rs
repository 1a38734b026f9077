//! The table of keys. A key is added here, in [`Config`](super::Config), and in
//! `config.example.toml`; its flag and its environment name follow from its name.

use std::fmt;

/// One thing that can be set.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name in the file; a dot leads into a table.
    pub name: &'static str,
    /// Its one-letter flag, where it has one.
    pub short: Option<char>,
    /// What the command line's help says about it.
    pub help: &'static str,
    /// Its value never appears in any message.
    pub secret: bool,
}

/// Where the database is.
pub const DATABASE_DSN: Key = Key {
    name: "database.dsn",
    short: Some('d'),
    help: "PostgreSQL URL, or 'embedded' for a private server started by Heartbeat \
           [default: postgresql://postgres@localhost/postgres; in a container \
           postgresql://heartbeat@db/heartbeat]",
    secret: true,
};
/// Where events are told.
pub const WEBHOOK_URL: Key = Key {
    name: "webhook.url",
    short: None,
    help: "Discord webhook that events are sent to [default: none]",
    secret: true,
};
/// Which events are told.
pub const WEBHOOK_LEVEL: Key = Key {
    name: "webhook.level",
    short: None,
    help: "Events to send: all, new_devices, long_absences or none [default: none]",
    secret: false,
};
/// What registers devices.
pub const SECRET_KEY: Key = Key {
    name: "secret_key",
    short: Some('s'),
    help: "Key that registers devices (see gen-key); without one nobody can [default: none]",
    secret: true,
};
/// Where the source is.
pub const REPO: Key = Key {
    name: "repo",
    short: Some('r'),
    help: "Source repository that the pages link to [default: the project's own]",
    secret: false,
};
/// Title of the pages.
pub const SERVER_NAME: Key = Key {
    name: "server_name",
    short: None,
    help: "Title of the pages [default: Some person's heartbeat]",
    secret: false,
};
/// Where the world finds this server.
pub const LIVE_URL: Key = Key {
    name: "live_url",
    short: Some('u'),
    help: "Address under which this server is reached [default: http://127.0.0.1:6060]",
    secret: false,
};
/// Where the local server listens.
pub const BIND: Key = Key {
    name: "bind",
    short: Some('b'),
    help: "<host>:<port> to listen on, or unix:<path> [default: 127.0.0.1:6060]",
    secret: false,
};

/// Where pages find the stream.
pub const WS_URL: Key = Key {
    name: "ws_url",
    short: None,
    help: "WebSocket address of the stream, where it is not /api/stats/ws on this server [default: none]",
    secret: false,
};
/// Where others may post to the local server's WebSockets.
pub const MANAGEMENT_BIND: Key = Key {
    name: "management_bind",
    short: None,
    help: "<loopback host>:<port> for API Gateway's management calls; the server then sends no \
           frames of its own [default: none]",
    secret: false,
};

/// Who may say for whom they ask.
pub const TRUSTED_PROXIES: Key = Key {
    name: "trusted_proxies",
    short: None,
    help: "Addresses and networks, separated by commas, of the proxies before this server, whose \
           Forwarded or X-Forwarded-For tells the client's address [default: none]",
    secret: false,
};
/// How many may watch the stream.
pub const MAX_VIEWERS: Key = Key {
    name: "max_viewers",
    short: None,
    help: "How many may watch the stream at the same time; others get 503 [default: 10000]",
    secret: false,
};

/// Every key.
pub const KEYS: [&Key; 12] = [
    &DATABASE_DSN,
    &WEBHOOK_URL,
    &WEBHOOK_LEVEL,
    &SECRET_KEY,
    &REPO,
    &SERVER_NAME,
    &LIVE_URL,
    &BIND,
    &WS_URL,
    &MANAGEMENT_BIND,
    &TRUSTED_PROXIES,
    &MAX_VIEWERS,
];

impl Key {
    /// Its long flag without the two dashes: `database-dsn`.
    #[must_use]
    pub fn flag(&self) -> String {
        self.name.replace(['.', '_'], "-")
    }

    /// Its name in the environment: `HEARTBEAT_DATABASE_DSN`.
    #[must_use]
    pub fn environment_name(&self) -> String {
        format!("HEARTBEAT_{}", self.name.replace('.', "_").to_uppercase())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
