//! The stats, which the whole service exists to show: stored, at a point in time, and as JSON.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::settings::Choices;

/// Largest count: the largest whole number that is exact in JavaScript.
const COUNT_MAX: i64 = (1 << 53) - 1;

/// Returns a stored count as it is shown: the nearest number that can be.
pub(crate) fn shown_count(stored: i64) -> i64 {
    stored.clamp(0, COUNT_MAX)
}

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
    /// All devices, ordered by id.
    pub devices: Vec<StoredDevice>,
}

/// One device in [`StoredStats`].
#[derive(Debug, Clone)]
pub struct StoredDevice {
    /// Device id.
    pub id: i64,
    /// Id that it had before it was moved in, if it has another one now.
    pub former_id: Option<i64>,
    /// Device name; `None` for some devices from a legacy import.
    pub name: Option<Arc<str>>,
    /// Time of its last beat, if there is one.
    pub last_beat: Option<OffsetDateTime>,
    /// Number of its beats.
    pub num_beats: i64,
}

impl StoredDevice {
    /// A device that was just registered.
    pub(crate) fn new(id: i64, name: Arc<str>) -> Self {
        Self { id, former_id: None, name: Some(name), last_beat: None, num_beats: 0 }
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

    /// Returns the stats at the time `now`, by the database's clock. Times after it are not shown, nor
    /// counts that cannot be.
    #[must_use]
    pub fn at(&self, now: OffsetDateTime) -> Stats {
        // The difference is rounded down to seconds, not the two times: the database does the same, so an absence
        // never looks shorter once it has ended.
        let since = |then: OffsetDateTime| (now - then).whole_seconds().max(0);
        let unix_time = |then: OffsetDateTime| then.min(now).unix_timestamp();
        let last_seen = self.last_beat();
        let last_seen_relative = last_seen.map(since);
        let counts = self.devices.iter().map(|device| shown_count(device.num_beats));
        Stats {
            as_of: now.unix_timestamp(),
            last_seen: last_seen.map(unix_time),
            last_seen_relative,
            longest_absence: self.longest_absence.max(last_seen_relative.unwrap_or(0)),
            num_visits: shown_count(self.visits),
            total_beats: shown_count(counts.fold(0, i64::saturating_add)),
            devices: self
                .devices
                .iter()
                .map(|device| DeviceStats {
                    id: device.id,
                    former_id: device.former_id,
                    name: device.name.clone(),
                    last_beat: device.last_beat.map(unix_time),
                    num_beats: shown_count(device.num_beats),
                })
                .collect(),
            uptime: since(self.started_at),
        }
    }
}

/// Stats at a point in time. Times are Unix times, durations are whole seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Stats {
    /// Time of these stats, by the database's clock.
    #[serde(skip)]
    pub as_of: i64,
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

    /// Whether anything but the passing of time tells these stats from `earlier` ones. The longest absence grows by itself
    /// while it is the ongoing one.
    #[must_use]
    pub fn differ_from(&self, earlier: &Self) -> bool {
        let grown_absence = earlier.longest_absence.max(self.last_seen_relative.unwrap_or(0));
        self.last_seen != earlier.last_seen
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

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).expect("in range")
    }

    fn device(id: i64, last_beat: Option<i64>, num_beats: i64) -> StoredDevice {
        StoredDevice {
            id,
            former_id: None,
            name: Some("Laptop".into()),
            last_beat: last_beat.map(at),
            num_beats,
        }
    }

    fn stored_stats(devices: Vec<StoredDevice>) -> StoredStats {
        StoredStats {
            as_of: at(1_090),
            started_at: at(1_000),
            visits: 7,
            longest_absence: 50,
            chosen: Choices::default(),
            devices,
        }
    }

    #[test]
    fn before_the_first_beat_there_is_no_last_beat_and_no_absence() {
        let mut stored_stats = stored_stats(vec![device(0, None, 0)]);
        stored_stats.longest_absence = 0;
        insta::assert_snapshot!(
            String::from_utf8_lossy(&Snapshot::new(stored_stats.at(at(1_090))).json),
            @r#"{"last_seen":null,"last_seen_relative":null,"longest_absence":0,"num_visits":7,"total_beats":0,"devices":[{"id":0,"name":"Laptop","last_beat":null,"num_beats":0}],"uptime":90}"#
        );
    }

    #[test]
    fn the_last_beat_of_any_device_counts_and_beats_add_up() {
        let stats = stored_stats(vec![device(0, Some(1_020), 3), device(1, Some(1_080), 4)]).at(at(1_090));
        assert_eq!((stats.last_seen, stats.last_seen_relative), (Some(1_080), Some(10)));
        assert_eq!((stats.total_beats, stats.longest_absence), (7, 50));
    }

    #[test]
    fn the_absence_going_on_now_counts_once_it_is_the_longest() {
        let stored_stats = stored_stats(vec![device(0, Some(1_000), 1)]);
        assert_eq!(stored_stats.at(at(1_050)).longest_absence, 50);
        assert_eq!(stored_stats.at(at(1_051)).longest_absence, 51);
    }

    #[test]
    fn an_absence_does_not_look_longer_than_it_will_when_it_has_ended() {
        let mut stored_stats = stored_stats(vec![device(0, Some(1_000), 1)]);
        stored_stats.devices[0].last_beat = Some(at(1_000) + Duration::milliseconds(900));
        let now = at(1_103) + Duration::milliseconds(100);
        let stats = stored_stats.at(now);
        assert_eq!((stats.last_seen_relative, stats.longest_absence), (Some(102), 102));
    }

    #[test]
    fn the_age_of_the_last_device_is_the_age_of_the_last_beat() {
        let mut stored_stats =
            stored_stats(vec![device(0, Some(1_000), 1), device(1, Some(900), 1), device(2, None, 0)]);
        // A fraction of a second that is cut off from the age, and not from the present second.
        stored_stats.devices[0].last_beat = Some(at(1_000) + Duration::milliseconds(900));
        let stats = stored_stats.at(at(1_103) + Duration::milliseconds(100));
        let ages: Vec<_> = stats.devices.iter().map(|device| stats.age(device)).collect();
        assert_eq!((stats.last_seen_relative, ages), (Some(102), vec![Some(102), Some(202), None]));
    }

    #[test]
    fn the_passing_of_time_alone_makes_no_difference() {
        let stored = stored_stats(vec![device(0, Some(1_000), 1), device(1, None, 0)]);
        let stats = stored.at(at(1_090));
        // The ongoing absence has become the longest, and grows.
        assert!(!stored.at(at(1_091)).differ_from(&stats) && !stats.differ_from(&stored.at(at(1_040))));
        let changed = |change: fn(&mut StoredStats)| {
            let mut stored = stored.clone();
            change(&mut stored);
            stored.at(at(1_095)).differ_from(&stats)
        };
        assert!(changed(|stored| stored.visits += 1));
        assert!(changed(|stored| stored.longest_absence = 200));
        assert!(changed(|stored| stored.devices[0].num_beats += 1));
        assert!(changed(|stored| stored.devices[0].last_beat = Some(at(1_092))));
        assert!(changed(|stored| stored.devices[1].name = Some("Phone".into())));
        assert!(changed(|stored| drop(stored.devices.pop())));
        assert!(!changed(|_| {}));
    }

    #[test]
    fn no_time_in_the_future_is_shown_and_no_age_is_negative() {
        let stats = stored_stats(vec![device(0, Some(2_000), 1)]).at(at(900));
        assert_eq!((stats.last_seen, stats.last_seen_relative, stats.uptime), (Some(900), Some(0), 0));
        assert_eq!((stats.devices[0].last_beat, stats.age(&stats.devices[0])), (Some(900), Some(0)));
    }

    #[test]
    fn a_device_is_found_by_its_id_and_by_its_former_one() {
        let former = StoredDevice { former_id: Some(912_840_992_904_712_192), ..device(4, None, 0) };
        let stats = stored_stats(vec![device(1, None, 0), former]).at(at(1_090));
        for (id, index) in [(1, Some(0)), (4, Some(1)), (912_840_992_904_712_192, Some(1)), (2, None)] {
            assert_eq!(stats.device_index(id), index, "{id}");
        }
    }

    #[test]
    fn counts_that_cannot_be_are_shown_as_the_nearest_that_can() {
        let mut stored_stats = stored_stats(vec![device(0, None, -5), device(1, None, 7)]);
        stored_stats.visits = -1;
        let stats = stored_stats.at(at(1_090));
        assert_eq!((stats.num_visits, stats.devices[0].num_beats, stats.total_beats), (0, 0, 7));
        stored_stats.devices = vec![device(0, None, i64::MAX), device(1, None, i64::MAX)];
        let stats = stored_stats.at(at(1_090));
        assert_eq!((stats.devices[0].num_beats, stats.total_beats), (COUNT_MAX, COUNT_MAX));
    }
}
