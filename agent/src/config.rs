//! The configuration file.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{
    files::{self, Durability},
    server_url::ServerUrl,
    sources::Kind,
    token::Token,
};

/// Default of [`Config::idle_after`]: two beats of a minute fit in, so reading a page is no absence.
const IDLE_AFTER: Duration = Duration::from_mins(2);

/// Configuration of the agent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// URL of the server. No default: `setup` asks for it.
    pub(crate) url: ServerUrl,
    /// Token of this device. Default: what `token_command` prints.
    pub(crate) token: Option<Token>,
    /// Command that prints the token, for those who keep it in a password store. Default: none.
    pub(crate) token_command: Option<String>,
    /// Time after the last input from which on the device is not used. Default: two minutes.
    #[serde(default = "idle_after_default", deserialize_with = "duration")]
    pub(crate) idle_after: Duration,
    /// PEM file of the certificates to trust instead of the system's. Default: none.
    pub(crate) ca_file: Option<PathBuf>,
    /// Source of input to take. Default: the best one that is there.
    pub(crate) source: Option<Kind>,
}

/// Reason why there is no valid configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// No file.
    #[error("{0}: there is no configuration yet; run `heartbeat-agent setup URL` first")]
    Missing(PathBuf),
    /// Unreadable file.
    #[error("{0}: {1}")]
    Unreadable(PathBuf, io::Error),
    /// File that others can read.
    #[cfg(unix)]
    #[error("{0}: others can read it, and it may hold the token; run: chmod 600 '{0}'")]
    NotPrivate(PathBuf),
    /// Invalid content.
    #[error("{0}: {1}")]
    Invalid(PathBuf, String),
}

impl Config {
    /// Reads the file at `path`, which its user alone may be able to read.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ConfigError::Missing(path.to_owned()),
            _ => ConfigError::Unreadable(path.to_owned(), error),
        })?;
        check_private(path)?;
        Self::parse(&text).map_err(|error| ConfigError::Invalid(path.to_owned(), error))
    }

    /// Parses the text of a file. Errors name the key and the line, and never quote a value: one may be the token.
    fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let before = error.span().map_or("", |span| &text[..span.start]);
            let line = before.matches('\n').count() + 1;
            // A line without a key may be nothing but the token.
            let key =
                text.lines().nth(line - 1).and_then(|line| line.split_once('=')).map(|(key, _)| key.trim());
            let key = key.filter(|key| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
            let key = key.map_or(String::new(), |key| format!(", `{key}`"));
            format!("line {line}{key}: {}", error.message())
        })?;
        match (&config.token, &config.token_command) {
            (Some(_), Some(_)) => Err("expected `token` or `token_command`, found both".to_owned()),
            (None, None) => Err("expected `token` or `token_command`; run `setup` again".to_owned()),
            _ => Ok(config),
        }
    }
}

/// When the file at `path` was last changed, to notice that it was.
pub(crate) fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

#[cfg(unix)]
fn check_private(path: &Path) -> Result<(), ConfigError> {
    use std::os::unix::fs::PermissionsExt;

    let metadata = fs::metadata(path).map_err(|error| ConfigError::Unreadable(path.to_owned(), error))?;
    match metadata.permissions().mode() & 0o077 {
        0 => Ok(()),
        _ => Err(ConfigError::NotPrivate(path.to_owned())),
    }
}

/// The user's own folder is closed to other users of Windows.
#[cfg(windows)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
fn check_private(_: &Path) -> Result<(), ConfigError> {
    Ok(())
}

fn idle_after_default() -> Duration {
    IDLE_AFTER
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let duration = humantime::parse_duration(&text).ok();
    duration
        .filter(|duration| (Duration::from_secs(30)..=Duration::from_mins(15)).contains(duration))
        .ok_or_else(|| de::Error::custom("expected a duration from 30s to 15m, such as \"2m\""))
}

/// What `setup` writes.
#[derive(Debug, Serialize)]
struct Written<'a> {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a Token>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_command: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<&'a Path>,
}

/// Where the token of a new configuration comes from.
#[derive(Debug)]
pub(crate) enum TokenSource {
    Token(Token),
    Command(String),
}

/// Writes a new configuration to `path`.
pub(crate) fn save(
    path: &Path,
    url: &ServerUrl,
    token: &TokenSource,
    ca_file: Option<&Path>,
) -> Result<(), ConfigError> {
    let (token, token_command) = match token {
        TokenSource::Token(token) => (Some(token), None),
        TokenSource::Command(command) => (None, Some(command.as_str())),
    };
    let written = Written { url: url.to_string(), token, token_command, ca_file };
    let invalid = |error: toml::ser::Error| ConfigError::Invalid(path.to_owned(), error.to_string());
    let text = toml::to_string(&written).map_err(invalid)?;
    let text = format!("# Written by `heartbeat-agent setup`.\n{text}");
    files::write_private(path, &text, Durability::Durable)
        .map_err(|error| ConfigError::Unreadable(path.to_owned(), error))
}
