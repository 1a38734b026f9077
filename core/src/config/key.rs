//! The description of a configuration key. Its flag and its name in the environment follow from its name.

use std::fmt;

/// A configuration key.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// Name in the file; a dot leads into a table.
    pub name: &'static str,
    /// One-letter flag, if it has one.
    pub short: Option<char>,
    /// Type in the file.
    pub kind: Kind,
    /// Default as it would be written in the environment; empty for none.
    pub default: &'static str,
    /// Default in a container, where it differs.
    pub container_default: Option<&'static str>,
    /// Whether its value must not appear in any message.
    pub secret: bool,
    /// Whether the owner may choose it in the browser, where the configuration does not set it.
    pub choosable: bool,
    /// One line for the command line's help and the book.
    pub help: &'static str,
}

/// Type of a value in the configuration file. Flags and environment variables are text in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// An integer, or a string that holds one.
    Number,
}

impl Key {
    /// Long flag without the two dashes: `database-dsn`.
    #[must_use]
    pub fn flag(&self) -> String {
        self.name.replace(['.', '_'], "-")
    }

    /// Name in the environment: `HEARTBEAT_DATABASE_DSN`.
    #[must_use]
    pub fn environment_name(&self) -> String {
        format!("HEARTBEAT_{}", self.name.replace('.', "_").to_uppercase())
    }

    /// Default that applies here.
    pub(super) fn default_value(&self, in_container: bool) -> &'static str {
        self.container_default.filter(|_| in_container).unwrap_or(self.default)
    }

    /// Default for people: `none` if there is none.
    #[must_use]
    pub fn describe_default(&self) -> String {
        match (self.default, self.container_default) {
            ("", None) => "none".to_owned(),
            (default, None) => default.to_owned(),
            (default, Some(container)) => format!("{default}; in a container {container}"),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
