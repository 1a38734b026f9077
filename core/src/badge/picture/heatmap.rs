//! The heatmap: a year of presence as squares, one a day, with a column for each week.

use std::{collections::HashMap, fmt::Write};

use time::{Date, Duration, Weekday};

use super::canvas::{Anchor, Canvas, SMALL};
use crate::{
    badge::text::Text,
    humanize,
    presence::{Days, Sum},
};

/// Distance from one square to the next, in pixels. A square has ten.
const PITCH: u8 = 13;

/// Distance from the border to what is drawn.
const PADDING: f32 = 16.0;

/// Width of the names of weekdays.
const WEEKDAYS_WIDTH: f32 = 30.0;

/// Days of a week with a name at their rows.
const NAMED: [Weekday; 3] = [Weekday::Monday, Weekday::Wednesday, Weekday::Friday];

/// Columns that the name of a month takes.
const MONTH_COLUMNS: usize = 3;

/// Steps of the time in use, with the minutes from which on they count. They are fixed: if they followed from the longest day,
/// one long day would fade a year.
const STEPS: [(Level, u32, &str); 5] = [
    (Level::None, 0, "none"),
    (Level::UnderOne, 1, "under 1"),
    (Level::UnderThree, 60, "under 3"),
    (Level::UnderSix, 180, "under 6"),
    (Level::More, 360, "more"),
];

/// How long a day was in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Level {
    /// It was before the server was set up.
    Unknown,
    /// Not at all.
    None,
    /// Less than an hour.
    UnderOne,
    /// Less than three hours.
    UnderThree,
    /// Less than six hours.
    UnderSix,
    /// Six hours or more.
    More,
}

impl Level {
    fn of(minutes: u32) -> Self {
        let reached = STEPS.iter().rfind(|(_, from, _)| minutes >= *from);
        reached.map_or(Self::None, |(level, ..)| *level)
    }

    /// Class of its squares.
    fn class(self) -> &'static str {
        match self {
            Self::Unknown => "o",
            Self::None => "e",
            Self::UnderOne => "s1",
            Self::UnderThree => "s2",
            Self::UnderSix => "s3",
            Self::More => "s4",
        }
    }
}

/// Content of a heatmap.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Heatmap {
    /// Text above it; empty for none.
    label: Text,
    /// First day.
    first: Date,
    /// Days from the first one on.
    days: Vec<Level>,
    /// Last day that there is room for. The later ones of a year are to come.
    until: Date,
    /// Day with which weeks begin.
    week_start: Weekday,
}

/// What a heatmap is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Year<'a> {
    /// Its days.
    pub days: Days,
    /// What it is called: `in 2026`.
    pub name: &'a str,
    /// Sums of its days.
    pub sums: &'a [Sum],
    /// The day on which the server was set up.
    pub set_up: Date,
    /// The last day that is known of.
    pub today: Date,
}

impl Heatmap {
    /// Creates the heatmap of a year, of a device with a name if there is one. The label says how long it was in use, unless there
    /// is another one.
    #[must_use]
    pub fn new(year: &Year<'_>, device: Option<&str>, label: Option<&str>, week_start: Weekday) -> Self {
        let minutes: HashMap<Date, u32> =
            year.sums.iter().map(|sum| (sum.start.date(), sum.minutes)).collect();
        // Beats that were moved in can be older than the server.
        let known = year.sums.first().map_or(year.set_up, |sum| sum.start.date().min(year.set_up));
        let level = |day: Date| match minutes.get(&day) {
            Some(minutes) => Level::of(*minutes),
            None if day < known => Level::Unknown,
            None => Level::None,
        };
        let last = (*year.days.end()).min(year.today);
        let days = std::iter::successors(Some(*year.days.start()), |day| day.next_day());
        let total: i64 = year.sums.iter().map(|sum| i64::from(sum.minutes)).sum();
        let used = format!("{} in use {}", humanize::time_in_use(total), year.name);
        let default = device.map_or_else(|| used.clone(), |name| format!("{name}: {used}"));
        Self {
            label: Text::new(label.unwrap_or(&default)),
            first: *year.days.start(),
            days: days.take_while(|day| *day <= last).map(level).collect(),
            until: *year.days.end(),
            week_start,
        }
    }

    pub(super) fn draw(&self, canvas: &mut Canvas) {
        let columns = self.columns();
        let left = PADDING + WEEKDAYS_WIDTH;
        let right = left + position(columns) - 3.0;
        let is_labeled = !self.label.as_str().is_empty();
        let top = PADDING + if is_labeled { 38.0 } else { 14.0 };
        let bottom = top + position(7);
        (canvas.width, canvas.height) = (right + PADDING, bottom + 19.0 + PADDING);
        let used = self.days.iter().filter(|level| !matches!(level, Level::Unknown | Level::None)).count();
        let last = self
            .first
            .saturating_add(Duration::days(self.days.len().saturating_sub(1).try_into().unwrap_or(0)));
        let title = if is_labeled { self.label.as_str() } else { "Days in use" };
        title.clone_into(&mut canvas.title);
        canvas.description = format!(
            "In use on {used} of {}, from {} to {}.",
            humanize::count(self.days.len().try_into().unwrap_or(0), "day"),
            humanize::date(self.first),
            humanize::date(last)
        );
        if is_labeled {
            canvas.fitting((PADDING, PADDING + 12.0), &[14.0, 13.0, 12.0], right - PADDING, &self.label);
        }
        self.draw_names(canvas, left, top, columns);
        self.draw_squares(canvas, left, top);
        draw_legend(canvas, right, bottom + 18.0);
    }

    /// Number of weeks.
    fn columns(&self) -> usize {
        let days = usize::try_from((self.until - self.first).whole_days() + 1).unwrap_or(0);
        (self.row(0) + days).div_ceil(7)
    }

    /// Row of a day by its number, counted from the first row of the first column.
    fn row(&self, day: usize) -> usize {
        usize::from(
            self.first.weekday().number_days_from_monday() + 7 - self.week_start.number_days_from_monday(),
        ) % 7
            + day
    }

    fn draw_names(&self, canvas: &mut Canvas, left: f32, top: f32, columns: usize) {
        for weekday in NAMED {
            let row = (weekday.number_days_from_monday() + 7 - self.week_start.number_days_from_monday()) % 7;
            let y = top + position(row.into()) + 9.0;
            canvas.words((left - 6.0, y), Anchor::End, 10.0, "q", &weekday.to_string()[..3]);
        }
        let months = self.months();
        for (index, (column, month)) in months.iter().enumerate() {
            let next = months.get(index + 1).map_or(columns + 1, |(column, _)| *column);
            if column + MONTH_COLUMNS <= next {
                canvas.words((left + position(*column), top - 6.0), Anchor::Start, 10.0, "q", month);
            }
        }
    }

    /// Returns the months with the columns in which they begin, or which are the first ones.
    fn months(&self) -> Vec<(usize, String)> {
        let days = std::iter::successors(Some(self.first), |day| day.next_day())
            .take_while(|day| *day <= self.until);
        let mut months: Vec<(usize, String)> = Vec::new();
        for (number, day) in days.enumerate() {
            let column = self.row(number) / 7;
            let name = day.month().to_string()[..3].to_owned();
            if months.last().is_none_or(|(_, last)| *last != name) {
                // A month that begins within a week has its name at the next one.
                let is_within = number > 0 && !self.row(number).is_multiple_of(7);
                months.push((column + usize::from(is_within), name));
            }
        }
        months
    }

    fn draw_squares(&self, canvas: &mut Canvas, left: f32, top: f32) {
        for level in STEPS.map(|(level, ..)| level).into_iter().chain([Level::Unknown]) {
            let mut path = String::new();
            for (number, _) in self.days.iter().enumerate().filter(|(_, it)| **it == level) {
                let (column, row) = (self.row(number) / 7, self.row(number) % 7);
                push_square(&mut path, level, left + position(column), top + position(row));
            }
            add_squares(canvas, level, &path);
        }
    }
}

/// Distance of a row or a column from the first.
fn position(number: usize) -> f32 {
    f32::from(u8::try_from(number).unwrap_or(u8::MAX)) * f32::from(PITCH)
}

/// Adds a square to a path. Thick strokes with round joints make round corners in a third of the bytes that rectangles take.
fn push_square(path: &mut String, level: Level, x: f32, y: f32) {
    let (inset, side) = if level == Level::Unknown { (1.0, 8) } else { (2.0, 6) };
    write!(path, "M{} {}h{side}v{side}h-{side}z", x + inset, y + inset).expect("memory");
}

fn add_squares(canvas: &mut Canvas, level: Level, path: &str) {
    if !path.is_empty() {
        let (class, stroke) = (level.class(), if level == Level::Unknown { 1 } else { 4 });
        canvas.add(format_args!(
            r#"<path class="{class}" stroke-width="{stroke}" stroke-linejoin="round" d="{path}"/>"#
        ));
    }
}

fn draw_legend(canvas: &mut Canvas, right: f32, y: f32) {
    let mut x = right;
    for (level, _, name) in STEPS.into_iter().rev() {
        x -= canvas.words((x, y), Anchor::End, SMALL, "q", name) + 15.0;
        let mut path = String::new();
        push_square(&mut path, level, x.round(), y - 9.0);
        add_squares(canvas, level, &path);
        x -= 14.0;
    }
    canvas.words((x, y), Anchor::End, SMALL, "q", "Hours a day:");
}
