//! The hours of the week: how much of each was in use on the days of the last quarter of a year.

use heartbeat_core::presence::{Days, Sum};
use time::{Date, Duration};

use super::{
    grid::{Cell, Level, Row},
    words,
};

/// Whole days that are looked at, at most.
const DAYS: i64 = 90;

/// Days from which on there is something to tell: four weeks.
const DAYS_MIN: i64 = 28;

/// Minutes of an hour at which the steps of cells begin: a quarter, a half, three quarters.
const BOUNDS: [i64; 3] = [15, 30, 45];

/// Returns the days that are looked at: whole ones, since the first setup; `None` if it is too early to tell.
pub(super) fn days(since: Date, today: Date) -> Option<Days> {
    let last = today.previous_day()?;
    let first = (today - Duration::days(DAYS)).max(since);
    ((last - first).whole_days() + 1 >= DAYS_MIN).then_some(first..=last)
}

/// Returns a row for each day of the week, with a cell for each hour, from sums by hour of `days`.
pub(super) fn rows(sums: &[Sum], days: &Days) -> Vec<Row> {
    let mut minutes = [[0; 24]; 7];
    for sum in sums {
        let weekday = usize::from(sum.start.weekday().number_days_from_monday());
        minutes[weekday][usize::from(sum.start.hour())] += i64::from(sum.minutes);
    }
    let all = std::iter::successors(Some(*days.start()), |day| day.next_day());
    let mut counts = [0; 7];
    let mut names = [*days.start(); 7];
    for day in all.take_while(|day| days.contains(day)) {
        let weekday = usize::from(day.weekday().number_days_from_monday());
        counts[weekday] += 1;
        names[weekday] = day;
    }
    let row = |weekday: usize| Row {
        name: words::short_weekday(names[weekday]),
        heard_name: names[weekday].weekday().to_string(),
        cells: minutes[weekday].iter().map(|minutes| cell(*minutes, counts[weekday])).collect(),
    };
    (0..7).map(row).collect()
}

/// Returns the cell of an hour that was in use for some minutes on several days.
fn cell(minutes: i64, days: i64) -> Cell {
    // Where clocks are set back, an hour comes twice.
    let average = (minutes / days.max(1)).min(60);
    let words = if minutes > 0 && average == 0 { "under 1 min".to_owned() } else { words::short(average) };
    Cell::new(Level::of(average.max(minutes.min(1)), BOUNDS), words)
}

#[cfg(test)]
mod tests {
    use time::macros::{date, datetime};

    use super::*;

    #[test]
    fn it_is_too_early_to_tell_before_four_whole_weeks() {
        let today = date!(2026 - 11 - 27);
        assert_eq!(days(date!(2026 - 10 - 31), today), None);
        assert_eq!(days(date!(2026 - 10 - 30), today), Some(date!(2026 - 10 - 30)..=date!(2026 - 11 - 26)));
        assert_eq!(days(date!(2020 - 01 - 01), today), Some(date!(2026 - 08 - 29)..=date!(2026 - 11 - 26)));
    }

    #[test]
    fn a_cell_is_the_average_of_its_hours() {
        let sum = |start, minutes| Sum { start, minutes, beats: 1 };
        let mondays = [
            sum(datetime!(2026-11-02 08:00 +1), 60),
            sum(datetime!(2026-11-09 08:00 +1), 30),
            sum(datetime!(2026-11-09 23:00 +1), 1),
            sum(datetime!(2026-11-16 08:00 +1), 12),
        ];
        let rows = rows(&mondays, &(date!(2026 - 10 - 30)..=date!(2026 - 11 - 26)));
        let monday = &rows[0];
        assert_eq!((rows.len(), monday.name.as_str(), monday.cells.len()), (7, "Mon", 24));
        assert_eq!(monday.cells[8], Cell::new(Level::Some, "25 min".to_owned()));
        assert_eq!(monday.cells[23], Cell::new(Level::Little, "under 1 min".to_owned()));
        assert_eq!(rows[1].cells[8], Cell::new(Level::None, "0 min".to_owned()));
    }
}
