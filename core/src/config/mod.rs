//! Configuration: every key, its sources, and its parsing.
//!
//! - [`keys`]: the declarations of all keys, and the [`Config`] that follows from them.
//! - [`key`]: the description of a key.
//! - [`sources`]: the values given on the command line, in the environment and in the file.
//! - [`values`]: parsers of values.
//! - [`error`]: the one line that says what is wrong and where.

pub mod error;
pub mod key;
pub mod keys;
pub mod sources;
pub mod values;

pub use error::ConfigError;
pub use key::{Key, Kind};
pub use keys::{Config, KEYS};
pub use sources::{Environment, Flags, Profile};
pub use values::{Bind, Database, HeaderName, WebhookLevel};

use crate::settings::Choices;
use sources::Sources;

impl Config {
    /// Merges the command line, the environment and the configuration file, in this order of precedence, over
    /// the defaults. Fails on the first key that is unknown, of the wrong type, or has an invalid value, and on a
    /// named file that cannot be read.
    pub fn load(flags: &Flags, environment: &Environment) -> Result<Self, ConfigError> {
        let home = environment.home()?;
        let sources = Sources::gather(KEYS, flags, environment, &home)?;
        Self::parse(&sources, home)
    }

    /// Returns the settings that the owner cannot choose, as the configuration sets them.
    #[must_use]
    pub fn choices(&self) -> Choices {
        Choices { precision: self.precision, history: self.history, timezone: self.timezone.clone() }
    }
}

#[cfg(test)]
mod tests;
