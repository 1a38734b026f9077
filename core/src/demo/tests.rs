use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use super::*;

/// The beats up to one moment, with the local time of each.
static DEMO: LazyLock<Vec<(jiff::civil::DateTime, Beat)>> = LazyLock::new(|| {
    let local = |beat: &Beat| berlin().local(beat.time_stamp).expect("a time").datetime();
    beats(&berlin(), now("2026-11-27T05:00:00")).into_iter().map(|beat| (local(&beat), beat)).collect()
});

fn now(text: &str) -> OffsetDateTime {
    Timezone::default().moment(text).expect("a time")
}

fn berlin() -> Timezone {
    Timezone::parse("Europe/Berlin").expect("a time zone")
}

/// Returns the number of beats of some devices on each day.
fn beats_by_day(devices: &[Device]) -> BTreeMap<Date, usize> {
    let mut days: BTreeMap<_, _> = DEMO.iter().map(|(local, _)| (local.date(), 0)).collect();
    let mut date = DEMO[0].0.date();
    while date <= DEMO[DEMO.len() - 1].0.date() {
        days.entry(date).or_default();
        date = date.tomorrow().expect("a date");
    }
    for (local, _) in DEMO.iter().filter(|(_, beat)| devices.contains(&beat.device)) {
        *days.entry(local.date()).or_default() += 1;
    }
    days
}

/// Returns the number of days in a row without a beat of the device, the most there are.
fn longest_pause(device: Device) -> usize {
    let days: Vec<usize> = beats_by_day(&[device]).into_values().collect();
    days.split(|beats| *beats > 0).map(<[_]>::len).max().unwrap_or_default()
}

#[test]
fn there_are_two_years_of_beats_and_none_is_in_the_future() {
    for present in ["2026-11-27T05:00:00", "2027-03-28T01:30:00", "2024-02-29T20:00:00"] {
        let now = now(present);
        let beats = beats(&berlin(), now);
        let last = beats.last().expect("beats").time_stamp;
        assert!((400_000..500_000).contains(&beats.len()), "{present}: {}", beats.len());
        assert!(beats.is_sorted_by_key(|beat| beat.time_stamp));
        assert!(last <= now && now - last < Duration::DAY, "{present}: {last}");
        assert!((729..=731).contains(&(now - beats[0].time_stamp).whole_days()), "{present}");
    }
}

#[test]
fn the_same_moment_gives_the_same_beats() {
    assert!(beats(&berlin(), now("2026-11-27T05:00:00")).iter().eq(DEMO.iter().map(|(_, beat)| beat)));
}

#[test]
fn a_device_beats_once_a_minute() {
    for device in Device::ALL {
        let times: Vec<_> =
            DEMO.iter().filter(|(_, beat)| beat.device == device).map(|(_, beat)| beat.time_stamp).collect();
        let close = times.windows(2).filter(|pair| pair[1] - pair[0] < Duration::seconds(59)).count();
        assert!(close * 50 < times.len(), "{device:?}: {close} of {}", times.len());
    }
}

#[test]
fn each_month_has_beats_of_each_device_and_days_differ() {
    for device in Device::ALL {
        let beats = DEMO.iter().filter(|(_, beat)| beat.device == device);
        let months: BTreeSet<_> = beats.map(|(local, _)| (local.year(), local.month())).collect();
        assert_eq!(months.len(), 25, "{device:?}");
    }
    let different: BTreeSet<_> = beats_by_day(&Device::ALL).into_values().collect();
    assert!(different.len() > 300, "{}", different.len());
}

#[test]
fn the_longest_absence_is_the_hike() {
    let longest = DEMO.windows(2).max_by_key(|pair| pair[1].1.time_stamp - pair[0].1.time_stamp);
    let longest = longest.expect("absences");
    // From the second Tuesday of a holiday of the first year, for four days.
    let dates: Vec<_> = longest.iter().map(|(local, beat)| (beat.device, local.date())).collect();
    let date = |day| (Device::Phone, Date::constant(2025, 9, day));
    assert_eq!(dates, [date(22), date(27)]);
    let days = beats_by_day(&Device::ALL).into_values();
    assert_eq!(days.filter(|beats| *beats == 0).count(), 4 + 1, "with the other day away");
}

#[test]
fn while_the_laptop_is_broken_the_phone_goes_on() {
    let broken = Date::constant(2026, 5, 20)..Date::constant(2026, 6, 1);
    let (laptop, phone) = (beats_by_day(&[Device::Laptop]), beats_by_day(&[Device::Phone]));
    assert_eq!(laptop.range(broken.clone()).map(|(_, beats)| *beats).collect::<Vec<_>>(), [0; 12]);
    assert!(phone.range(broken).all(|(_, beats)| *beats > 20));
    assert!((21..=25).contains(&longest_pause(Device::Laptop)), "a holiday");
    assert_eq!(longest_pause(Device::Phone), 4, "the hike");
}

#[test]
fn nights_are_quiet_but_for_night_shifts() {
    let nights: BTreeSet<_> =
        DEMO.iter().filter(|(local, _)| local.hour() == 3).map(|(local, _)| local.date()).collect();
    assert_eq!(nights.len(), 8 * 4);
}
