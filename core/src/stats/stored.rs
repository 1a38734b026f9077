//! The stats as the database has them, hidden devices included.

use std::sync::Arc;

use time::OffsetDateTime;

use super::PublishedStats;
use crate::settings::Choices;

/// Stats as the database has them, independent of the present time.
#[derive(Debug, Clone)]
pub struct StoredStats {
    /// When they were read, by the database's clock.
    pub as_of: OffsetDateTime,
    /// Time of the first setup of the server.
    pub started_at: OffsetDateTime,
    /// Number of visits: views of HTML pages.
    pub visits: i64,
    /// Longest absence in seconds, without the ongoing one.
    pub longest_absence: i64,
    /// Settings that the owner has chosen.
    pub chosen: Choices,
    /// What is public instead, as of the last boundary; `None` where everything public is exact.
    pub published: Option<PublishedStats>,
    /// All devices, ordered by id.
    pub devices: Vec<StoredDevice>,
}

/// One device in [`StoredStats`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDevice {
    /// Device id.
    pub id: i64,
    /// Id that it had before it was moved in, if it has another one now.
    pub former_id: Option<i64>,
    /// Device name; `None` for some devices from a legacy import.
    pub name: Option<Arc<str>>,
    /// Whether strangers may see it: it is neither hidden nor archived.
    pub is_public: bool,
    /// Time of its last beat, if there is one.
    pub last_beat: Option<OffsetDateTime>,
    /// Number of its beats.
    pub num_beats: i64,
}

impl StoredDevice {
    /// A device that was just registered.
    pub(crate) fn new(id: i64, name: Arc<str>) -> Self {
        Self { id, former_id: None, name: Some(name), is_public: true, last_beat: None, num_beats: 0 }
    }
}

impl StoredStats {
    /// Returns the device with this id.
    pub(crate) fn device_mut(&mut self, id: i64) -> Option<&mut StoredDevice> {
        let at = self.devices.binary_search_by_key(&id, |device| device.id).ok()?;
        self.devices.get_mut(at)
    }

    /// Adds a device, unless it is there already.
    pub(crate) fn add_device(&mut self, device: StoredDevice) {
        if let Err(at) = self.devices.binary_search_by_key(&device.id, |device| device.id) {
            self.devices.insert(at, device);
        }
    }

    /// Returns the time of the last beat of any device.
    pub(crate) fn last_beat(&self) -> Option<OffsetDateTime> {
        self.devices.iter().filter_map(|device| device.last_beat).max()
    }
}
