//! Errors of the configuration: one line that names key, source and what was expected.

use std::path::PathBuf;

/// An error of the configuration. Every message is a single line and never holds the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A key has an invalid value.
    #[error("{key} ({source_name}): expected {expected}{}", found.as_ref().map(|it| format!(", found {it:?}")).unwrap_or_default())]
    BadValue {
        /// Name of the key.
        key: String,
        /// Source of the value.
        source_name: String,
        /// Values that the key may have.
        expected: &'static str,
        /// The value, unless it is a secret.
        found: Option<String>,
    },
    /// No key has this name.
    #[error("{key} ({source_name}): unknown key, expected one of {known}")]
    UnknownKey {
        /// Name that was set.
        key: String,
        /// Source that set it.
        source_name: String,
        /// Names that exist.
        known: String,
    },
    /// The configuration file cannot be used.
    #[error("config file {path:?}: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// Reason why.
        problem: String,
    },
    /// Neither `HEARTBEAT_HOME` nor a home folder of the user is known.
    #[error("HEARTBEAT_HOME (environment): expected a folder, as this user has no home folder")]
    NoHome,
}
