//! The stats, which the whole service exists to show: as all see them, and as JSON.
//!
//! - [`stored`]: the stats as the database has them.
//! - [`public`]: what is public of them. All that strangers see comes from there.

pub mod public;
pub mod stored;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{recency::Recency, settings::Precision};
pub use public::PublishedStats;
pub use stored::{StoredDevice, StoredStats};

/// Largest count: the largest whole number that is exact in JavaScript.
const COUNT_MAX: i64 = (1 << 53) - 1;

/// Returns a stored count as it is shown: the nearest number that can be.
pub(crate) fn shown_count(stored: i64) -> i64 {
    stored.clamp(0, COUNT_MAX)
}

/// Stats at a point in time. Times are Unix times, durations are whole seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Stats {
    /// Time of these stats, by the database's clock: the present, or the last boundary of the precision.
    #[serde(skip)]
    pub as_of: i64,
    /// How exact they are: all times are boundaries of this precision, and all durations lie between two.
    #[serde(skip)]
    pub precision: Precision,
    /// Time of the last beat of any device; `null` before the first.
    #[schema(required, example = 1_698_915_320)]
    pub last_seen: Option<i64>,
    /// Seconds since the last beat of any device; `null` before the first.
    #[schema(required, minimum = 0, example = 41)]
    pub last_seen_relative: Option<i64>,
    /// Longest absence: the longest time between two consecutive beats of any devices, the ongoing one included.
    #[schema(minimum = 0, example = 84_898)]
    pub longest_absence: i64,
    /// Number of visits: views of HTML pages.
    #[schema(minimum = 0, example = 1_628)]
    pub num_visits: i64,
    /// Number of beats of all devices.
    #[schema(minimum = 0, example = 120_062)]
    pub total_beats: i64,
    /// All devices, ordered by id.
    pub devices: Vec<DeviceStats>,
    /// Seconds since the first setup of the server.
    #[schema(minimum = 0, example = 8_082_297)]
    pub uptime: i64,
}

impl Stats {
    /// Returns the index of the device that has this id, or had it formerly.
    #[must_use]
    pub fn device_index(&self, id: i64) -> Option<usize> {
        let by_id = self.devices.binary_search_by_key(&id, |device| device.id).ok();
        by_id.or_else(|| self.devices.iter().position(|device| device.former_id == Some(id)))
    }

    /// Returns the index of the device with the last beat, if strangers may know which it was: not if it is hidden, nor if the
    /// precision does not tell several devices apart.
    #[must_use]
    pub fn last_device(&self) -> Option<usize> {
        let is_last = |device: &DeviceStats| device.last_beat.is_some() && device.last_beat == self.last_seen;
        let mut last = self.devices.iter().enumerate().filter(|(_, device)| is_last(device));
        let (index, _) = last.next()?;
        (self.precision == Precision::Exact || last.next().is_none()).then_some(index)
    }

    /// Returns what the `age` of a beat in these stats means.
    #[must_use]
    pub fn recency(&self, age: Option<i64>) -> Recency {
        Recency::within(age, self.precision)
    }

    /// Whether anything but the passing of time tells these stats from `earlier` ones. The longest absence grows by itself
    /// while it is the ongoing one.
    #[must_use]
    pub fn differ_from(&self, earlier: &Self) -> bool {
        let grown_absence = earlier.longest_absence.max(self.last_seen_relative.unwrap_or(0));
        let boundary = |stats: &Self| (stats.precision != Precision::Exact).then_some(stats.as_of);
        boundary(self) != boundary(earlier)
            || self.last_seen != earlier.last_seen
            || self.longest_absence != grown_absence
            || self.num_visits != earlier.num_visits
            || self.total_beats != earlier.total_beats
            || self.devices != earlier.devices
    }

    /// Returns the seconds since the last beat of a device. They are counted from the last beat of all, so that both ages
    /// on a page agree to the second.
    #[must_use]
    pub fn age(&self, device: &DeviceStats) -> Option<i64> {
        let older_by = self.last_seen? - device.last_beat?;
        self.last_seen_relative.map(|age| age + older_by.max(0))
    }
}

/// One device in the stats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeviceStats {
    /// Device id.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64, example = 0)]
    pub id: i64,
    /// Id that it had before it was moved in, if it has another one now.
    #[serde(skip)]
    pub former_id: Option<i64>,
    /// Device name; `null` for some devices from a legacy import.
    #[schema(value_type = Option<String>, required, example = "Laptop")]
    pub name: Option<Arc<str>>,
    /// Time of its last beat; `null` before the first.
    #[schema(required, example = 1_698_825_626)]
    pub last_beat: Option<i64>,
    /// Number of its beats.
    #[schema(minimum = 0, example = 36_308)]
    pub num_beats: i64,
}

/// Snapshot: the stats as of one second with their JSON, which is made once and shared by all responses.
#[derive(Debug)]
pub struct Snapshot {
    /// The stats.
    pub stats: Stats,
    /// The stats as JSON, as frames of the stream hold them.
    pub json: Bytes,
    /// The stats as a line of JSON, as `/api/stats` answers them.
    pub json_line: Bytes,
}

impl Snapshot {
    pub(crate) fn new(stats: Stats) -> Self {
        let mut json = serde_json::to_vec(&stats).expect("numbers, text and lists are JSON");
        let length = json.len();
        json.push(b'\n');
        let json_line = Bytes::from(json);
        Self { stats, json: json_line.slice(..length), json_line }
    }
}
