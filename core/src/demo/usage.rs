//! When devices are in use on a day.

use std::ops::RangeInclusive;

use super::{Device, calendar::Day, random::Random};

/// Minutes of an hour.
const HOUR: i64 = 60;

/// Lengths of the stretches at a computer, and of the breaks between them, in minutes.
const STRETCHES: RangeInclusive<i64> = 30..=110;
const BREAKS: RangeInclusive<i64> = 4..=13;

/// Lengths of looks at a phone, in minutes.
const GLANCES: RangeInclusive<i64> = 2..=17;

/// A time in which a device is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) device: Device,
    /// Minutes from midnight to its start, by the clock on the wall. More than a day if it is after the next midnight.
    pub(super) start: i64,
    /// Its length in minutes.
    pub(super) length: i64,
}

/// Returns when devices are in use on a day of this kind.
pub(super) fn of(day: Day, random: &mut Random) -> Vec<Use> {
    let mut plan = Plan { random, uses: Vec::new() };
    match day {
        Day::Work => plan.work(),
        Day::NightShift => plan.work_at_night(),
        Day::Free => plan.be_free(),
        Day::Ill => plan.be_ill(),
        Day::Holiday => plan.travel(),
        Day::Away => {}
    }
    plan.uses
}

/// The plan of a day.
struct Plan<'a> {
    random: &'a mut Random,
    uses: Vec<Use>,
}

impl Plan<'_> {
    fn work(&mut self) {
        let wakes = self.about(6 * HOUR + 50, 50);
        let begins = wakes + self.about(HOUR + 40, 30);
        let lunch = self.about(12 * HOUR + 25, 30);
        let returns = lunch + self.about(45, 15);
        let ends = self.about(17 * HOUR + 30, 60);
        let sleeps = self.about(22 * HOUR + 50, 50);
        self.sit(Device::Laptop, begins, lunch);
        self.sit(Device::Laptop, returns, ends);
        if self.random.chance(35) {
            self.sit(Device::Laptop, ends + 3 * HOUR, sleeps - 20);
        }
        if self.random.chance(70) {
            let dinner = self.about(19 * HOUR + 30, 30);
            self.sit(Device::Desktop, dinner, sleeps - HOUR / 2);
        }
        self.glance(2, wakes, begins);
        self.glance(5, begins, ends);
        self.glance(6, ends, sleeps);
    }

    fn work_at_night(&mut self) {
        let wakes = self.about(14 * HOUR, 50);
        let begins = self.about(22 * HOUR, 10);
        let break_at = self.about(26 * HOUR, 20);
        let ends = self.about(30 * HOUR, 15);
        if self.random.chance(40) {
            self.sit(Device::Desktop, wakes + 2 * HOUR, wakes + 4 * HOUR);
        }
        self.sit(Device::Laptop, begins, break_at);
        self.sit(Device::Laptop, break_at + 40, ends);
        self.glance(7, wakes, begins);
        self.glance(3, begins, ends + HOUR);
    }

    fn be_free(&mut self) {
        let wakes = self.about(9 * HOUR + 30, 75);
        let lunch = self.about(12 * HOUR + 30, 30);
        let sleeps = self.about(24 * HOUR, 55);
        if self.random.chance(45) {
            self.sit(Device::Laptop, wakes + HOUR / 2, lunch);
        }
        if self.random.chance(75) {
            self.sit(Device::Desktop, lunch + HOUR, lunch + 5 * HOUR);
        }
        if self.random.chance(85) {
            self.sit(Device::Desktop, 20 * HOUR, sleeps - 20);
        }
        self.glance(14, wakes, sleeps);
    }

    fn be_ill(&mut self) {
        if self.random.chance(50) {
            self.sit(Device::Laptop, 14 * HOUR, 15 * HOUR + 30);
        }
        self.glance(11, 9 * HOUR, 21 * HOUR);
    }

    fn travel(&mut self) {
        let wakes = self.about(8 * HOUR + 30, 60);
        let sleeps = self.about(22 * HOUR, 75);
        let times = self.random.number(5..=11);
        self.glance(times, wakes, sleeps);
    }

    /// Returns a time around this one.
    fn about(&mut self, minute: i64, deviation: i64) -> i64 {
        minute + self.random.number(-deviation..=deviation)
    }

    /// Sits at a computer with breaks, from one minute of the day to another.
    fn sit(&mut self, device: Device, from: i64, to: i64) {
        let mut start = from;
        while start < to {
            let length = self.random.number(STRETCHES).min(to - start);
            self.uses.push(Use { device, start, length });
            start += length + self.random.number(BREAKS);
        }
    }

    /// Looks at the phone a few times between one minute of the day and another.
    fn glance(&mut self, times: i64, from: i64, to: i64) {
        let each = (to - from) / times;
        for number in 0..times {
            let length = self.random.number(GLANCES).min(each);
            let start = from + number * each + self.random.number(0..=each - length);
            self.uses.push(Use { device: Device::Phone, start, length });
        }
    }
}
