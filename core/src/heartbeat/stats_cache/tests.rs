//! Reads and commits in every order, and clocks that differ.

use super::*;
use crate::settings::{Precision, Timezone};

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).expect("in range")
}

/// Stats of one device, as a read returns them.
fn stored(num_beats: i64, visits: i64) -> StoredStats {
    let device =
        StoredDevice { last_beat: Some(at(100)), num_beats, ..StoredDevice::new(0, "Laptop".into()) };
    StoredStats {
        as_of: at(100),
        started_at: at(0),
        visits,
        longest_absence: 0,
        chosen: Choices::default(),
        published: None,
        devices: vec![device],
    }
}

fn counted(num_beats: i64) -> CountedDevice {
    CountedDevice {
        id: 0,
        token_hash: Vec::new(),
        num_beats,
        last_beat: at(100),
        recorded_at: at(100),
        longest_absence: None,
        moved_stats: false,
        queued_events: false,
        beats_wanted: None,
    }
}

fn total_beats(cache: &StatsCache) -> i64 {
    cache.snapshot(at(100)).expect("stats").stats.total_beats
}

#[test]
fn a_beat_that_is_acknowledged_during_a_read_stays() {
    let cache = StatsCache::default();
    cache.begin_read();
    cache.count(&[counted(5)]);
    cache.replace(stored(4, 0), at(100), at(100));
    assert_eq!(total_beats(&cache), 5);
    // The next read, which begins after it, has the last word.
    cache.begin_read();
    cache.replace(stored(3, 0), at(100), at(100));
    assert_eq!(total_beats(&cache), 3);
}

#[test]
fn a_read_that_has_seen_more_than_a_commit_wins() {
    let cache = StatsCache::default();
    cache.begin_read();
    cache.count(&[counted(5)]);
    cache.replace(stored(9, 0), at(100), at(100));
    assert_eq!(total_beats(&cache), 9);
}

#[test]
fn a_device_that_is_registered_during_a_read_stays() {
    let cache = StatsCache::default();
    cache.begin_read();
    cache.add_device(1, "Phone");
    cache.replace(stored(4, 0), at(100), at(100));
    assert_eq!(cache.snapshot(at(100)).expect("stats").stats.devices.len(), 2);
}

#[test]
fn visits_are_counted_once_whenever_the_read_came() {
    for seen in [10, 11] {
        let cache = StatsCache::default();
        cache.count_visit();
        cache.begin_read();
        cache.visits_written(1, 11);
        cache.replace(stored(4, seen), at(100), at(100));
        assert_eq!(cache.snapshot(at(100)).expect("stats").stats.num_visits, 11, "{seen}");
    }
}

#[test]
fn a_device_of_another_process_makes_the_stats_stale() {
    let cache = StatsCache::default();
    cache.begin_read();
    cache.replace(stored(4, 0), at(100), at(100));
    assert!(cache.is_fresh(at(100)));
    cache.count(&[CountedDevice { id: 7, ..counted(1) }]);
    assert!(!cache.is_fresh(at(100)));
}

#[test]
fn an_absence_that_another_process_ended_makes_a_read_under_way_stale() {
    let cache = StatsCache::default();
    cache.begin_read();
    cache.replace(stored(4, 0), at(100), at(100));
    cache.begin_read();
    cache.count(&[CountedDevice { last_beat: at(200), ..counted(5) }]);
    assert!(!cache.is_fresh(at(100)));
    // It may have read what was there before that absence had ended.
    cache.replace(stored(4, 0), at(100), at(100));
    assert!(!cache.is_fresh(at(100)));
    cache.begin_read();
    cache.replace(stored(5, 0), at(100), at(100));
    assert!(cache.is_fresh(at(100)));
}

#[test]
fn a_clock_that_differs_from_the_databases_is_corrected() {
    for wrong in [-7_200, -1, 0, 1, 7_200] {
        let cache = StatsCache::default();
        cache.begin_read();
        // The read took two seconds of this process's clock; the database's showed 110 in their midst.
        let stored = StoredStats { as_of: at(110), ..stored(4, 0) };
        cache.replace(stored, at(109 + wrong), at(111 + wrong));
        let stats = cache.snapshot(at(111 + wrong)).expect("stats").stats.clone();
        let age = stats.last_seen_relative.expect("a last beat");
        // No further off than by the time that the read took.
        assert!((10..=12).contains(&age), "{wrong}: {age}");
        assert_eq!((stats.as_of, stats.last_seen), (100 + age, Some(100)), "{wrong}");
    }
}

#[test]
fn clocks_that_may_agree_are_not_corrected() {
    for as_of in [100, 105, 110] {
        assert_eq!(clock_offset(at(as_of), at(100), at(110)), Duration::ZERO, "{as_of}");
    }
    assert_eq!(clock_offset(at(117), at(100), at(110)), Duration::seconds(7));
    assert_eq!(clock_offset(at(93), at(100), at(110)), Duration::seconds(-7));
}

#[test]
fn nothing_that_happens_changes_the_figures_of_a_boundary() {
    let cache = StatsCache::default();
    let published = PublishedStats {
        as_of: at(60),
        precision: Precision::Minute,
        timezone: Timezone::default(),
        visits: 1,
        longest_absence: 0,
        devices: stored(2, 1).devices,
    };
    let read = |published: &PublishedStats| {
        cache.begin_read();
        cache.replace(StoredStats { published: Some(published.clone()), ..stored(4, 0) }, at(100), at(100));
    };
    let shown =
        || (cache.revision(at(110)), cache.snapshot(at(110)).expect("stats"), cache.visits_with_this());
    read(&published);
    let (revision, snapshot, visits) = shown();
    cache.count(&[counted(5)]);
    cache.add_device(1, "Phone");
    cache.count_visit();
    cache.visits_written(1, 9);
    read(&published);
    let later = shown();
    assert_eq!((later.0, later.2), (revision, visits));
    assert!(Arc::ptr_eq(&later.1, &snapshot));
    // A device that is hidden is hidden at once.
    let mut hidden = published;
    hidden.devices[0].is_public = false;
    read(&hidden);
    assert_eq!((shown().1.stats.devices.len(), shown().1.stats.total_beats), (0, 2));
    assert_ne!(shown().0, revision);
}
