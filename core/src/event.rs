//! What happens and is told to others.

use time::OffsetDateTime;

use crate::{Config, config::WebhookLevel};

/// An absence is worth telling when it was longer than this.
pub const LONG_ABSENCE: time::Duration = time::Duration::HOUR;

/// The name under which events for Discord wait.
pub const DISCORD: &str = "discord";

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number; later events have higher ones.
    pub id: i64,
    /// What happened.
    pub kind: Kind,
    /// The name of the device that did it; missing for some devices that an earlier Heartbeat registered.
    pub device: Option<String>,
    /// When.
    pub happened_at: OffsetDateTime,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A device beat.
    Beat,
    /// A device was added.
    DeviceAdded,
    /// An absence of more than an hour has ended.
    AbsenceEnded {
        /// The last beat before it.
        since: OffsetDateTime,
    },
}

/// Which receivers are told of what, by their names. Events that nobody wants are never written down.
#[derive(Debug, Clone, Default)]
pub struct Audience {
    /// Those who are told of each beat.
    pub beats: Vec<String>,
    /// Those who are told of new devices.
    pub devices: Vec<String>,
    /// Those who are told of long absences that have ended.
    pub absences: Vec<String>,
}

impl Audience {
    /// The audience that the configuration names.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let discord = |level| {
            let wanted =
                cfg!(feature = "webhook") && config.webhook_url.is_some() && config.webhook_level >= level;
            wanted.then(|| DISCORD.to_owned()).into_iter().collect()
        };
        Self {
            beats: discord(WebhookLevel::All),
            devices: discord(WebhookLevel::NewDevices),
            absences: discord(WebhookLevel::LongAbsences),
        }
    }
}
