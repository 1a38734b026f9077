//! Invented beats, to see Heartbeat with a history before there is one: two years of three devices of one person.
//! The same moment and time zone always give the same ones.
//!
//! - `calendar`: what kind of day each day is.
//! - `usage`: when devices are in use on a day.
//! - `random`: random numbers that are the same every time.

mod calendar;
mod random;
#[cfg(test)]
mod tests;
mod usage;

use std::ops::RangeInclusive;

use jiff::{Span, civil::Date};
use time::{Duration, OffsetDateTime};

use crate::settings::Timezone;
use calendar::Calendar;
use random::Random;

/// Years before the present.
const YEARS: i64 = 2;

/// Interval of beats of a device in use; see the agent, whose requests take up to a second.
const BEAT_INTERVAL: Duration = Duration::MINUTE;
const DELAY_MAX_MICROSECONDS: i64 = 1_000_000;

/// A device in use loses its network after one beat of this many.
const BEATS_PER_NETWORK_OUTAGE: i64 = 300;

/// Minutes for which it does.
const NETWORK_OUTAGE_MINUTES: RangeInclusive<i64> = 3..=12;

/// An invented device. Its number is its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Device {
    /// For work.
    Laptop,
    /// Always at hand.
    Phone,
    /// At home.
    Desktop,
}

impl Device {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Laptop, Self::Phone, Self::Desktop];

    /// Returns its id.
    #[must_use]
    pub fn id(self) -> i64 {
        self as i64
    }

    /// Returns its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Laptop => "Laptop",
            Self::Phone => "Phone",
            Self::Desktop => "Desktop",
        }
    }
}

/// An invented beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// When it came.
    pub time_stamp: OffsetDateTime,
    /// The device that sent it.
    pub device: Device,
}

/// Returns the beats of the two years up to `now`, in their order.
#[must_use]
pub fn beats(timezone: &Timezone, now: OffsetDateTime) -> Vec<Beat> {
    let Some(today) = timezone.local(now).map(|now| now.date()) else { return Vec::new() };
    let calendar = Calendar::of(today);
    let mut beats = Vec::new();
    let mut date = today.saturating_sub(Span::new().years(YEARS));
    while date <= today {
        add_day(&mut beats, calendar, timezone, date);
        date = date.saturating_add(Span::new().days(1));
    }
    beats.retain(|beat| beat.time_stamp <= now);
    beats.sort_by_key(|beat| (beat.time_stamp, beat.device.id()));
    beats
}

/// Adds the beats of a day.
fn add_day(beats: &mut Vec<Beat>, calendar: Calendar, timezone: &Timezone, date: Date) {
    let midnight = date.at(0, 0, 0, 0);
    let seed = 1_000 * u64::from(date.year().unsigned_abs()) + u64::from(date.day_of_year().unsigned_abs());
    let mut random = Random::new(seed);
    for it in usage::of(calendar.day(date), &mut random) {
        if it.device == Device::Laptop && calendar.has_broken_laptop(date) {
            continue;
        }
        let start = timezone.moment_at(midnight.saturating_add(Span::new().minutes(it.start)));
        let Some(start) = start else { continue };
        let end = start + Duration::minutes(it.length);
        let mut time_stamp = start + Duration::seconds(random.number(0..=59));
        while time_stamp < end {
            time_stamp += Duration::microseconds(random.number(0..=DELAY_MAX_MICROSECONDS));
            beats.push(Beat { time_stamp, device: it.device });
            time_stamp += BEAT_INTERVAL;
            if random.number(1..=BEATS_PER_NETWORK_OUTAGE) == 1 {
                time_stamp += Duration::minutes(random.number(NETWORK_OUTAGE_MINUTES));
            }
        }
    }
}
