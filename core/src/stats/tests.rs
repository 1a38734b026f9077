//! Exact stats: at every moment, and with values that cannot be.

use time::{Duration, OffsetDateTime};

use super::*;
use crate::settings::Choices;

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).expect("in range")
}

fn device(id: i64, last_beat: Option<i64>, num_beats: i64) -> StoredDevice {
    StoredDevice {
        id,
        former_id: None,
        name: Some("Laptop".into()),
        is_public: true,
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
        published: None,
        devices,
    }
}

#[test]
fn before_the_first_beat_there_is_no_last_beat_and_no_absence() {
    let mut stored_stats = stored_stats(vec![device(0, None, 0)]);
    stored_stats.longest_absence = 0;
    insta::assert_snapshot!(
        String::from_utf8_lossy(&Snapshot::new(stored_stats.public(at(1_090))).json),
        @r#"{"last_seen":null,"last_seen_relative":null,"longest_absence":0,"num_visits":7,"total_beats":0,"devices":[{"id":0,"name":"Laptop","last_beat":null,"num_beats":0}],"uptime":90}"#
    );
}

#[test]
fn the_last_beat_of_any_device_counts_and_beats_add_up() {
    let stats = stored_stats(vec![device(0, Some(1_020), 3), device(1, Some(1_080), 4)]).public(at(1_090));
    assert_eq!((stats.last_seen, stats.last_seen_relative), (Some(1_080), Some(10)));
    assert_eq!((stats.total_beats, stats.longest_absence), (7, 50));
}

#[test]
fn the_absence_going_on_now_counts_once_it_is_the_longest() {
    let stored_stats = stored_stats(vec![device(0, Some(1_000), 1)]);
    assert_eq!(stored_stats.public(at(1_050)).longest_absence, 50);
    assert_eq!(stored_stats.public(at(1_051)).longest_absence, 51);
}

#[test]
fn an_absence_does_not_look_longer_than_it_will_when_it_has_ended() {
    let mut stored_stats = stored_stats(vec![device(0, Some(1_000), 1)]);
    stored_stats.devices[0].last_beat = Some(at(1_000) + Duration::milliseconds(900));
    let now = at(1_103) + Duration::milliseconds(100);
    let stats = stored_stats.public(now);
    assert_eq!((stats.last_seen_relative, stats.longest_absence), (Some(102), 102));
}

#[test]
fn the_age_of_the_last_device_is_the_age_of_the_last_beat() {
    let mut stored_stats =
        stored_stats(vec![device(0, Some(1_000), 1), device(1, Some(900), 1), device(2, None, 0)]);
    // A fraction of a second that is cut off from the age, and not from the present second.
    stored_stats.devices[0].last_beat = Some(at(1_000) + Duration::milliseconds(900));
    let stats = stored_stats.public(at(1_103) + Duration::milliseconds(100));
    let ages: Vec<_> = stats.devices.iter().map(|device| stats.age(device)).collect();
    assert_eq!((stats.last_seen_relative, ages), (Some(102), vec![Some(102), Some(202), None]));
}

#[test]
fn the_passing_of_time_alone_makes_no_difference() {
    let stored = stored_stats(vec![device(0, Some(1_000), 1), device(1, None, 0)]);
    let stats = stored.public(at(1_090));
    // The ongoing absence has become the longest, and grows.
    assert!(!stored.public(at(1_091)).differ_from(&stats) && !stats.differ_from(&stored.public(at(1_040))));
    let changed = |change: fn(&mut StoredStats)| {
        let mut stored = stored.clone();
        change(&mut stored);
        stored.public(at(1_095)).differ_from(&stats)
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
    let stats = stored_stats(vec![device(0, Some(2_000), 1)]).public(at(900));
    assert_eq!((stats.last_seen, stats.last_seen_relative, stats.uptime), (Some(900), Some(0), 0));
    assert_eq!((stats.devices[0].last_beat, stats.age(&stats.devices[0])), (Some(900), Some(0)));
}

#[test]
fn a_device_is_found_by_its_id_and_by_its_former_one() {
    let former = StoredDevice { former_id: Some(912_840_992_904_712_192), ..device(4, None, 0) };
    let stats = stored_stats(vec![device(1, None, 0), former]).public(at(1_090));
    for (id, index) in [(1, Some(0)), (4, Some(1)), (912_840_992_904_712_192, Some(1)), (2, None)] {
        assert_eq!(stats.device_index(id), index, "{id}");
    }
}

#[test]
fn counts_that_cannot_be_are_shown_as_the_nearest_that_can() {
    let mut stored_stats = stored_stats(vec![device(0, None, -5), device(1, None, 7)]);
    stored_stats.visits = -1;
    let stats = stored_stats.public(at(1_090));
    assert_eq!((stats.num_visits, stats.devices[0].num_beats, stats.total_beats), (0, 0, 7));
    stored_stats.devices = vec![device(0, None, i64::MAX), device(1, None, i64::MAX)];
    let stats = stored_stats.public(at(1_090));
    assert_eq!((stats.devices[0].num_beats, stats.total_beats), (COUNT_MAX, COUNT_MAX));
}
