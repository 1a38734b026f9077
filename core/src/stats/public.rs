//! What is public of the stats. Everything that strangers see comes from here: hidden and archived devices count, and
//! appear nowhere; and where the precision is not exact, figures are as of the last boundary.
//!
//! Rounded times of exact figures would still tell the second in which they change, so the figures of a boundary are kept in
//! the database: they count the beats before it, and stay as they are until the next one. Times among them are rounded all
//! the same, and ages are differences of rounded times. The longest absence is a duration rounded up: together with the times
//! between which it was, it tells less than one step more than they do.

use time::OffsetDateTime;

use super::{DeviceStats, Stats, StoredDevice, StoredStats, shown_count};
use crate::settings::{Precision, Timezone};

/// The figures as of a boundary, which all processes share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedStats {
    /// The boundary, or a later moment at which the precision was made coarser.
    pub as_of: OffsetDateTime,
    /// How exact they are shown.
    pub precision: Precision,
    /// Time zone of days and weeks.
    pub timezone: Timezone,
    /// Number of visits.
    pub visits: i64,
    /// Longest absence in seconds, without the ongoing one.
    pub longest_absence: i64,
    /// The devices that there were and still are, ordered by id.
    pub devices: Vec<StoredDevice>,
}

impl StoredStats {
    /// Returns what is public at the time `now`, by the database's clock. Times after it are not shown, nor counts that
    /// cannot be.
    #[must_use]
    pub fn public(&self, now: OffsetDateTime) -> Stats {
        match &self.published {
            None => self.exact(now),
            Some(published) => published.rounded(self.started_at),
        }
    }

    fn exact(&self, now: OffsetDateTime) -> Stats {
        // The difference is rounded down to seconds, not the two times: the database does the same, so an absence
        // never looks shorter once it has ended.
        let since = |then: OffsetDateTime| (now - then).whole_seconds().max(0);
        let last_seen = self.last_beat();
        let last_seen_relative = last_seen.map(since);
        let show = |time: OffsetDateTime| time.min(now).unix_timestamp();
        Stats {
            as_of: now.unix_timestamp(),
            precision: Precision::Exact,
            last_seen: last_seen.map(show),
            last_seen_relative,
            longest_absence: self.longest_absence.max(last_seen_relative.unwrap_or(0)),
            num_visits: shown_count(self.visits),
            total_beats: total_beats(&self.devices),
            devices: public_devices(&self.devices, show),
            uptime: since(self.started_at),
        }
    }
}

impl PublishedStats {
    /// Returns the figures with all times rounded down to boundaries. Ages are differences of those. The longest absence is
    /// the true duration rounded up, as it never looks shorter then once it has ended.
    fn rounded(&self, started_at: OffsetDateTime) -> Stats {
        let boundary = |time: OffsetDateTime| self.precision.boundary(time, &self.timezone);
        let as_of = boundary(self.as_of);
        let show = |time: OffsetDateTime| boundary(time).min(as_of).unix_timestamp();
        let since = |then: i64| as_of.unix_timestamp() - then;
        let last_seen = self.devices.iter().filter_map(|device| device.last_beat).max().map(show);
        let last_seen_relative = last_seen.map(since);
        let longest_absence = self.precision.round_up(self.longest_absence);
        Stats {
            as_of: as_of.unix_timestamp(),
            precision: self.precision,
            last_seen,
            last_seen_relative,
            longest_absence: longest_absence.max(last_seen_relative.unwrap_or(0)),
            num_visits: shown_count(self.visits),
            total_beats: total_beats(&self.devices),
            devices: public_devices(&self.devices, show),
            uptime: since(show(started_at)),
        }
    }
}

/// Counts the beats of all devices, public or not.
fn total_beats(devices: &[StoredDevice]) -> i64 {
    let counts = devices.iter().map(|device| shown_count(device.num_beats));
    shown_count(counts.fold(0, i64::saturating_add))
}

fn public_devices(devices: &[StoredDevice], show: impl Fn(OffsetDateTime) -> i64) -> Vec<DeviceStats> {
    let public = devices.iter().filter(|device| device.is_public);
    let shown = public.map(|device| DeviceStats {
        id: device.id,
        former_id: device.former_id,
        name: device.name.clone(),
        last_beat: device.last_beat.map(&show),
        num_beats: shown_count(device.num_beats),
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Choices;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).expect("in range")
    }

    /// A visible device and a hidden one, with their last beats.
    fn devices(last_beats: [Option<i64>; 2]) -> Vec<StoredDevice> {
        let device = |id: i64, last_beat: Option<i64>| StoredDevice {
            is_public: id == 0,
            last_beat: last_beat.map(at),
            num_beats: 10 + id,
            ..StoredDevice::new(id, format!("Device {id}").into())
        };
        (0..).zip(last_beats).map(|(id, last_beat)| device(id, last_beat)).collect()
    }

    fn stored(last_beats: [Option<i64>; 2], published: Option<PublishedStats>) -> StoredStats {
        StoredStats {
            as_of: at(1_000_000),
            started_at: at(1_234),
            visits: 7,
            longest_absence: 50,
            chosen: Choices::default(),
            published,
            devices: devices(last_beats),
        }
    }

    /// What is public as of `as_of` of a longest absence and of last beats.
    fn published(
        precision: Precision,
        as_of: i64,
        longest_absence: i64,
        last_beats: [Option<i64>; 2],
    ) -> PublishedStats {
        PublishedStats {
            as_of: at(as_of),
            precision,
            timezone: Timezone::parse("Europe/Berlin").expect("a time zone"),
            visits: 3,
            longest_absence,
            devices: devices(last_beats),
        }
    }

    #[test]
    fn a_hidden_device_counts_and_is_not_shown() {
        let stats = stored([Some(100), Some(200)], None).public(at(1_000));
        assert_eq!((stats.last_seen, stats.total_beats, stats.devices.len()), (Some(200), 21, 1));
        assert_eq!((stats.device_index(0), stats.device_index(1)), (Some(0), None));
        assert_eq!(stats.last_device(), None, "it was the hidden one");
        assert_eq!(stored([Some(200), Some(100)], None).public(at(1_000)).last_device(), Some(0));
    }

    #[test]
    fn figures_of_a_boundary_have_nothing_of_the_present() {
        let published = published(Precision::Hour, 7_200, 1_000, [Some(3_700), Some(7_000)]);
        let before = stored([Some(7_300), None], Some(published.clone())).public(at(7_301));
        let later = StoredStats {
            visits: 99,
            longest_absence: 9_000,
            ..stored([Some(9_000), None], Some(published))
        };
        assert_eq!(later.public(at(10_799)), before);
        assert_eq!((before.as_of, before.num_visits, before.uptime), (7_200, 3, 7_200));
        assert_eq!((before.last_seen, before.last_seen_relative), (Some(3_600), Some(3_600)));
        assert_eq!((before.devices[0].last_beat, before.longest_absence), (Some(3_600), 3_600));
        assert_eq!(before.last_device(), Some(0), "the only one that strangers know of in that hour");
    }

    #[test]
    fn devices_that_the_precision_does_not_tell_apart_are_not_named_as_the_last() {
        let mut published = published(Precision::Hour, 7_200, 0, [Some(3_700), Some(7_000)]);
        published.devices[1].is_public = true;
        assert_eq!(stored([None, None], Some(published)).public(at(7_300)).last_device(), None);
    }

    #[test]
    fn every_time_is_a_boundary_every_age_the_difference_of_two_and_the_longest_absence_in_whole_steps() {
        let mut random = 1_u64;
        let mut next = |bound: i64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i64::try_from(random >> 33).expect("31 bits") % bound
        };
        for _ in 0..20_000 {
            let precision = Precision::ALL[1 + usize::try_from(next(5)).expect("an index")];
            let as_of = 1_600_000_000 + next(200_000_000);
            let beats = [next(3_000_000), next(3_000_000)].map(|age| Some(as_of - age));
            let published = published(precision, as_of, next(4_000_000), beats);
            let boundary = |time: i64| precision.boundary(at(time), &published.timezone).unix_timestamp();
            let stats = stored([None, None], Some(published.clone())).public(at(as_of + 5));
            assert_eq!(stats.as_of, boundary(as_of));
            let times = [stats.last_seen, stats.devices[0].last_beat, Some(stats.as_of - stats.uptime)];
            for time in times.into_iter().flatten() {
                assert_eq!(boundary(time), time, "{precision:?}");
            }
            assert_eq!(
                stats.last_seen.zip(stats.last_seen_relative).map(|(seen, age)| seen + age),
                Some(stats.as_of)
            );
            assert!(Some(stats.longest_absence) >= stats.last_seen_relative);
            let is_age = Some(stats.longest_absence) == stats.last_seen_relative;
            assert!(is_age || stats.longest_absence % precision.seconds() == 0, "{precision:?}");
        }
    }

    #[test]
    fn an_absence_does_not_look_shorter_once_it_has_ended() {
        for ended_after in [3_601, 7_000, 7_200, 10_801] {
            let (last_beat, end) = (3_000, 3_000 + ended_after);
            let boundary = end - end % 3_600;
            let during = published(Precision::Hour, boundary, 0, [Some(last_beat), None]);
            let after = published(Precision::Hour, boundary + 3_600, ended_after, [Some(end), None]);
            let longest = |it| stored([None, None], Some(it)).public(at(end)).longest_absence;
            assert!(longest(during) <= longest(after), "{ended_after}");
        }
    }
}
