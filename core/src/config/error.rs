//! The one line that says what is wrong with the configuration, where, and what was expected.

use std::path::PathBuf;

/// What is wrong with the configuration. Every message is a single line and never holds the value
/// of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A key is set to something that it cannot be.
    #[error("{key} ({source_name}): expected {expected}{}", found.as_ref().map(|it| format!(", found {it:?}")).unwrap_or_default())]
    BadValue {
        /// The key's name.
        key: String,
        /// Where the value was given.
        source_name: String,
        /// What the key may be set to.
        expected: &'static str,
        /// The value, unless it is a secret.
        found: Option<String>,
    },
    /// Nothing is called so.
    #[error("{key} ({source_name}): unknown key, expected one of {known}")]
    UnknownKey {
        /// What was set.
        key: String,
        /// Where it was set.
        source_name: String,
        /// What could have been meant.
        known: String,
    },
    /// The configuration file cannot be used.
    #[error("config file {path:?}: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Neither `HEARTBEAT_HOME` nor a home folder of the user is known.
    #[error("HEARTBEAT_HOME (environment): expected a folder, as this user has no home folder")]
    NoHome,
}
