//! What kind of day each day is: working days and weekends, holidays, night shifts, illness.

use jiff::{Span, civil::Date};

/// Kind of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Day {
    /// At work in the daytime.
    Work,
    /// At work from the evening of this day to the morning of the next.
    NightShift,
    /// A weekend, or the day after night shifts.
    Free,
    /// Ill in bed.
    Ill,
    /// Traveling with the phone alone.
    Holiday,
    /// Where there is no network.
    Away,
}

/// Some days in a row that are not as the week would have them.
struct Period {
    day: Day,
    /// Weeks between its week and the present one.
    weeks: i64,
    /// First day, counted from the Monday of its week.
    first: i64,
    days: i64,
}

const fn period(day: Day, weeks: i64, first: i64, days: i64) -> Period {
    Period { day, weeks, first, days }
}

/// All periods; where two of them overlap, the first one holds. The hike of four days is the longest absence.
const PERIODS: [Period; 12] = [
    period(Day::Away, 62, HIKE.0, HIKE.1),
    period(Day::Away, 14, 10, 1),
    period(Day::Holiday, 88, 0, 7),
    period(Day::Holiday, 62, 0, 21),
    period(Day::Holiday, 36, 0, 7),
    period(Day::Holiday, 14, 0, 21),
    period(Day::Ill, 92, 3, 2),
    period(Day::Ill, 81, 1, 3),
    period(Day::Ill, 55, 2, 5),
    period(Day::Ill, 31, 0, 9),
    period(Day::Ill, 18, 2, 1),
    period(Day::Ill, 5, 3, 2),
];

/// Weeks of night shifts, which begin from Monday to Thursday: weeks between each and the present one.
const NIGHT_SHIFTS: [i64; 8] = [97, 96, 75, 49, 48, 22, 21, 9];

/// The hike: its first day, counted from the Monday on which a holiday of the first year begins, and its days.
const HIKE: (i64, i64) = (8, 4);

/// When the laptop was broken: weeks between that and the present one, the first day of the week, days.
const BROKEN_LAPTOP: (i64, i64, i64) = (27, 2, 12);

/// The calendar, as it is seen on one day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calendar {
    /// Monday of the present week.
    monday: Date,
}

impl Calendar {
    pub(super) fn of(today: Date) -> Self {
        let days = i64::from(today.weekday().to_monday_zero_offset());
        Self { monday: today.saturating_sub(Span::new().days(days)) }
    }

    /// Returns the kind of a day.
    pub(super) fn day(self, date: Date) -> Day {
        let has_night_shifts = NIGHT_SHIFTS.iter().any(|weeks| self.contains(*weeks, 0, 7, date));
        let number = date.weekday().to_monday_zero_offset();
        match PERIODS.iter().find(|it| self.contains(it.weeks, it.first, it.days, date)) {
            Some(period) => period.day,
            None if has_night_shifts && number < 4 => Day::NightShift,
            None if has_night_shifts || number >= 5 => Day::Free,
            None => Day::Work,
        }
    }

    /// Whether the laptop was being repaired.
    pub(super) fn has_broken_laptop(self, date: Date) -> bool {
        let (weeks, first, days) = BROKEN_LAPTOP;
        self.contains(weeks, first, days, date)
    }

    /// Returns the day of the given number in a week, counted from its Monday.
    fn date(self, weeks: i64, number: i64) -> Date {
        self.monday.saturating_add(Span::new().days(number - 7 * weeks))
    }

    fn contains(self, weeks: i64, first: i64, days: i64, date: Date) -> bool {
        (self.date(weeks, first)..self.date(weeks, first + days)).contains(&date)
    }
}
