//! Boundaries in many time zones, and which settings apply.

use time::macros::datetime;

use super::*;

/// Time zones with clocks that are set at midnight, at two, by half an hour, never; and on the other side of the date line.
const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
];

fn zone(name: &str) -> Timezone {
    Timezone::parse(name).expect(name)
}

/// Times of the years from 1990 to 2049, one every four days or so, in all time zones.
fn each_boundary(mut check: impl FnMut(Precision, &Timezone, OffsetDateTime)) {
    for zone in ZONES.map(zone) {
        for number in 0..6_000 {
            let time = OffsetDateTime::from_unix_timestamp(631_152_000 + number * 314_161).expect("in range");
            let time = time + time::Duration::milliseconds(number % 1_000);
            for precision in &Precision::ALL[1..] {
                check(*precision, &zone, time);
            }
        }
    }
}

#[test]
fn a_boundary_is_not_later_is_its_own_boundary_and_has_no_other_after_it() {
    each_boundary(|precision, zone, time| {
        let boundary = precision.boundary(time, zone);
        let context = format!("{precision:?} {zone:?} {time}");
        // Clocks are set by an hour at most; Samoa left out one day.
        let longest = precision.seconds() + if precision.seconds() < 86_400 { 0 } else { 90_000 };
        assert!(boundary <= time && (time - boundary).whole_seconds() < longest, "{context}");
        assert_eq!(precision.boundary(boundary, zone), boundary, "{context}");
        let before = boundary - time::Duration::SECOND;
        assert!(precision.boundary(before, zone) < boundary, "{context}");
    });
}

#[test]
fn boundaries_never_go_back_and_a_coarse_one_is_one_of_the_finer() {
    let mut last = std::collections::HashMap::new();
    each_boundary(|precision, zone, time| {
        let boundary = precision.boundary(time, zone);
        let previous = last.insert((precision, zone.name().to_owned()), boundary);
        assert!(previous.is_none_or(|previous| previous <= boundary), "{precision:?} {zone:?} {time}");
    });
    each_boundary(|precision, zone, time| {
        let finer = match precision {
            Precision::Week => Precision::Day,
            Precision::Hour => Precision::Quarter,
            _ => Precision::Minute,
        };
        let boundary = precision.boundary(time, zone);
        assert_eq!(finer.boundary(boundary, zone), boundary, "{precision:?} {zone:?} {time}");
    });
}

#[test]
fn days_and_weeks_begin_at_midnight_of_the_time_zone() {
    let berlin = zone("Europe/Berlin");
    // A Sunday, on which clocks go forward.
    let time = datetime!(2026-03-29 10:20:30 UTC);
    for (precision, expected) in [
        (Precision::Exact, time),
        (Precision::Minute, datetime!(2026-03-29 10:20 UTC)),
        (Precision::Quarter, datetime!(2026-03-29 10:15 UTC)),
        (Precision::Hour, datetime!(2026-03-29 10:00 UTC)),
        (Precision::Day, datetime!(2026-03-28 23:00 UTC)),
        (Precision::Week, datetime!(2026-03-22 23:00 UTC)),
    ] {
        assert_eq!(precision.boundary(time, &berlin), expected, "{precision:?}");
    }
    assert_eq!(
        Precision::Day.boundary(datetime!(2026-03-30 10:00 UTC), &berlin),
        datetime!(2026-03-29 22:00 UTC)
    );
    // Where midnight is skipped, the day begins later.
    assert_eq!(
        Precision::Day.boundary(datetime!(2018-11-04 12:00 UTC), &zone("America/Sao_Paulo")),
        datetime!(2018-11-04 03:00 UTC)
    );
}

#[test]
fn names_are_parsed_as_they_are_written() {
    for precision in Precision::ALL {
        assert_eq!(Precision::parse(precision.name()), Ok(*precision));
    }
    for history in History::ALL {
        assert_eq!(History::parse(history.name()), Ok(*history));
    }
    assert_eq!(
        Timezone::parse("europe/berlin").map(|it| it.name().to_owned()),
        Ok("Europe/Berlin".to_owned())
    );
    for wrong in ["", "Berlin", "Mars/Olympus", "\n"] {
        assert!(Timezone::parse(wrong).is_err(), "{wrong}");
        assert!(Precision::parse(wrong).is_err() && History::parse(wrong).is_err(), "{wrong}");
    }
    let names = Timezone::names();
    assert!(names.len() > 400 && names.is_sorted());
    assert!(names.iter().all(|name| Timezone::parse(name).is_ok_and(|zone| zone.name() == name)));
}

#[test]
fn the_configuration_wins_over_what_was_chosen_over_the_default() {
    let configured = Choices { precision: Some(Precision::Hour), ..Choices::default() };
    let chosen = Choices { precision: Some(Precision::Day), history: Some(History::Off), timezone: None };
    let settings = OwnerSettings { configured, chosen }.effective();
    assert_eq!((settings.precision, settings.history), (Precision::Hour, History::Off));
    assert_eq!(settings.timezone.name(), "UTC");
}

#[test]
fn of_what_a_later_release_may_have_stored_least_is_shown() {
    let unknown = Choices::stored(Some("century"), Some("friends"), Some("Moon/Base"));
    let least = Choices { precision: Some(Precision::Week), history: Some(History::Off), timezone: None };
    assert_eq!(unknown, least);
    let chosen = Choices::stored(Some("week"), Some("full"), Some("Asia/Kolkata"));
    assert_eq!(
        chosen.named(),
        [
            ("precision", "week".to_owned()),
            ("history", "full".to_owned()),
            ("timezone", "Asia/Kolkata".to_owned()),
        ]
    );
}
