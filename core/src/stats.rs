//! The figures that the whole service exists to show.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// What the database holds: figures that do not depend on the present time.
#[derive(Debug, Clone)]
pub struct StoredStats {
    /// When the server was first set up.
    pub started_at: OffsetDateTime,
    /// Views of the HTML pages.
    pub visits: i64,
    /// The longest gap between two beats of anybody, in seconds, the present one left out.
    pub longest_absence: i64,
    /// All devices, ordered by id.
    pub devices: Vec<StoredDevice>,
}

/// What the database holds of one device.
#[derive(Debug, Clone)]
pub struct StoredDevice {
    /// Its id.
    pub id: i64,
    /// Its name; missing for some devices that an earlier Heartbeat registered.
    pub name: Option<Arc<str>>,
    /// The time of its last beat, if it ever beat.
    pub last_beat: Option<OffsetDateTime>,
    /// All its beats so far.
    pub num_beats: i64,
}

impl StoredStats {
    /// The device with this id.
    pub(crate) fn device_mut(&mut self, id: i64) -> Option<&mut StoredDevice> {
        let at = self.devices.binary_search_by_key(&id, |device| device.id).ok()?;
        self.devices.get_mut(at)
    }

    /// Adds a device that is not there yet.
    pub(crate) fn add_device(&mut self, device: StoredDevice) {
        if let Err(at) = self.devices.binary_search_by_key(&device.id, |device| device.id) {
            self.devices.insert(at, device);
        }
    }

    /// The time of the last beat of any device.
    pub(crate) fn last_beat(&self) -> Option<OffsetDateTime> {
        self.devices.iter().filter_map(|device| device.last_beat).max()
    }

    /// What these figures mean at the time `now`.
    #[must_use]
    pub fn at(&self, now: OffsetDateTime) -> Stats {
        // Seconds are cut off from the time that has passed, not from its two ends: the database
        // does the same, so an absence never looks shorter once it has ended.
        let since = |then: OffsetDateTime| (now - then).whole_seconds().max(0);
        let last_seen = self.last_beat();
        let last_seen_relative = last_seen.map(since);
        Stats {
            last_seen: last_seen.map(OffsetDateTime::unix_timestamp),
            last_seen_relative,
            longest_absence: self.longest_absence.max(last_seen_relative.unwrap_or(0)),
            num_visits: self.visits,
            total_beats: self.devices.iter().map(|device| device.num_beats).sum(),
            devices: self
                .devices
                .iter()
                .map(|device| DeviceStats {
                    id: device.id,
                    name: device.name.clone(),
                    last_beat: device.last_beat.map(OffsetDateTime::unix_timestamp),
                    num_beats: device.num_beats,
                })
                .collect(),
            uptime: since(self.started_at),
        }
    }
}

/// The answer to `GET /api/stats`. Times are Unix times and durations are whole seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Stats {
    /// The last beat of any device; `null` before the first.
    #[schema(required, example = 1_698_915_320)]
    pub last_seen: Option<i64>,
    /// How long ago that was; `null` before the first beat.
    #[schema(required, minimum = 0, example = 41)]
    pub last_seen_relative: Option<i64>,
    /// The longest gap ever between two beats of anybody, the one going on now included.
    #[schema(minimum = 0, example = 84_898)]
    pub longest_absence: i64,
    /// Views of the HTML pages.
    #[schema(minimum = 0, example = 1_628)]
    pub num_visits: i64,
    /// Beats of all devices.
    #[schema(minimum = 0, example = 120_062)]
    pub total_beats: i64,
    /// All devices, ordered by id.
    pub devices: Vec<DeviceStats>,
    /// How long ago the server was first set up.
    #[schema(minimum = 0, example = 8_082_297)]
    pub uptime: i64,
}

/// One device in the answer to `GET /api/stats`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeviceStats {
    /// Its id.
    #[schema(minimum = 0, example = 0)]
    pub id: i64,
    /// Its name; `null` for some devices that an earlier Heartbeat registered.
    #[schema(value_type = Option<String>, required, example = "Laptop")]
    pub name: Option<Arc<str>>,
    /// The time of its last beat; `null` before its first.
    #[schema(required, example = 1_698_825_626)]
    pub last_beat: Option<i64>,
    /// All its beats so far.
    #[schema(minimum = 0, example = 36_308)]
    pub num_beats: i64,
}

/// [`Stats`] of one second together with their JSON, made once and shared by all who read.
#[derive(Debug)]
pub struct Snapshot {
    /// The figures.
    pub stats: Stats,
    /// The figures as JSON.
    pub json: Bytes,
}

impl Snapshot {
    pub(crate) fn new(stats: Stats) -> Self {
        let json = serde_json::to_vec(&stats).expect("numbers, text and lists are JSON");
        Self { stats, json: json.into() }
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).expect("in range")
    }

    fn device(id: i64, last_beat: Option<i64>, num_beats: i64) -> StoredDevice {
        StoredDevice { id, name: Some("Laptop".into()), last_beat: last_beat.map(at), num_beats }
    }

    fn figures(devices: Vec<StoredDevice>) -> StoredStats {
        StoredStats { started_at: at(1_000), visits: 7, longest_absence: 50, devices }
    }

    #[test]
    fn before_the_first_beat_there_is_no_last_beat_and_no_absence() {
        let mut figures = figures(vec![device(0, None, 0)]);
        figures.longest_absence = 0;
        insta::assert_snapshot!(
            String::from_utf8_lossy(&Snapshot::new(figures.at(at(1_090))).json),
            @r#"{"last_seen":null,"last_seen_relative":null,"longest_absence":0,"num_visits":7,"total_beats":0,"devices":[{"id":0,"name":"Laptop","last_beat":null,"num_beats":0}],"uptime":90}"#
        );
    }

    #[test]
    fn the_last_beat_of_any_device_counts_and_beats_add_up() {
        let stats = figures(vec![device(0, Some(1_020), 3), device(1, Some(1_080), 4)]).at(at(1_090));
        assert_eq!((stats.last_seen, stats.last_seen_relative), (Some(1_080), Some(10)));
        assert_eq!((stats.total_beats, stats.longest_absence), (7, 50));
    }

    #[test]
    fn the_absence_going_on_now_counts_once_it_is_the_longest() {
        let figures = figures(vec![device(0, Some(1_000), 1)]);
        assert_eq!(figures.at(at(1_050)).longest_absence, 50);
        assert_eq!(figures.at(at(1_051)).longest_absence, 51);
    }

    #[test]
    fn an_absence_does_not_look_longer_than_it_will_when_it_has_ended() {
        let mut figures = figures(vec![device(0, Some(1_000), 1)]);
        figures.devices[0].last_beat = Some(at(1_000) + Duration::milliseconds(900));
        let now = at(1_103) + Duration::milliseconds(100);
        let stats = figures.at(now);
        assert_eq!((stats.last_seen_relative, stats.longest_absence), (Some(102), 102));
    }

    #[test]
    fn a_clock_that_was_set_back_shows_no_negative_times() {
        let stats = figures(vec![device(0, Some(2_000), 1)]).at(at(900));
        assert_eq!((stats.last_seen_relative, stats.uptime), (Some(0), 0));
    }
}
