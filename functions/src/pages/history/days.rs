//! Today and the last seven days, on `/`: for each the times in use on a line of 24 hours, and their sum.
//!
//! Lines are of the clocks on the wall: all days are as wide, and where clocks are set an hour is empty, or drawn twice.

use std::fmt::Write;

use askama::Template;
use heartbeat_core::{
    presence::{
        Days, Step, Sum,
        day_parts::{DAY_MINUTES, DayPart},
    },
    settings::Timezone,
    stats::Stats,
};
use time::{Date, Duration, OffsetDateTime};

use super::{Shown, words};

/// Days that are shown, today included.
const SHOWN: i64 = 8;

/// How far back the days that are shown may begin: in time zones that are ahead, and where clocks are set.
pub(super) const LOOKBACK: Duration = Duration::days(SHOWN + 1);

/// Labels of the hours above the lines, with their places in percent.
const HOURS: [(&str, &str); 5] = [("0", "0"), ("6", "25"), ("12", "50"), ("18", "75"), ("24", "100")];

/// The section with today and the days before.
#[derive(Debug, Template)]
#[template(path = "history/days.html")]
pub(crate) struct DaysView {
    timezone: String,
    /// Whether there are lines, and not sums alone.
    has_lines: bool,
    has_outages: bool,
    notes: Vec<&'static str>,
    /// The days, the latest first; none before the first beat.
    rows: Vec<Row>,
    /// What the page's script goes on from.
    live: Option<Live>,
}

/// A day.
#[derive(Debug)]
struct Row {
    /// Its name, as it is read and heard.
    name: String,
    heard_name: String,
    is_today: bool,
    is_used: bool,
    /// The time in use, as it is read and heard.
    sum: String,
    heard_sum: String,
    /// Paths in a box that is a minute of the day wide for each of its units, and one unit high: the time that is known, outages,
    /// and times in use.
    track: String,
    outages: String,
    spans: String,
}

/// What the script of the page needs to go on with today as beats arrive.
#[derive(Debug)]
struct Live {
    /// Unix time of the page, and when today ends.
    as_of: i64,
    ends_at: i64,
    /// The minute that the clock on the wall shows.
    minute_of_day: u16,
    /// The last minute with a beat, since 1970.
    last_minute: i64,
    /// Minutes in use today.
    minutes: i64,
}

impl DaysView {
    /// Takes what may be shown, and the stats of the same time.
    pub(crate) fn new(shown: &Shown, stats: &Stats) -> Self {
        let timezone = &shown.view.timezone;
        let days = days(shown, stats);
        let until = next_minute(shown.view.until);
        let from = timezone.start_of_day(*days.start()).unwrap_or(until).max(shown.since(stats));
        let sums = shown.presence.sums(Step::Day, timezone, &days);
        let parts = Parts::new(shown, from, until);
        let all = std::iter::successors(Some(*days.end()), |day| day.previous_day());
        let all = all.take_while(|day| days.contains(day) && stats.last_seen.is_some());
        let rows: Vec<Row> = all.map(|day| Row::new(day, day == shown.view.today, &sums, &parts)).collect();
        Self {
            timezone: timezone.name().to_owned(),
            has_lines: shown.has_hours(),
            has_outages: rows.iter().any(|row| !row.outages.is_empty()),
            notes: shown.notes.clone(),
            live: shown.is_live.then(|| Live::new(shown, &sums)).flatten(),
            rows,
        }
    }
}

/// Returns the days that are shown. Where nothing is known of today, as at its first moment and where precision is a day, the
/// last one is yesterday.
fn days(shown: &Shown, stats: &Stats) -> Days {
    let view = &shown.view;
    let today = view.today;
    let is_known = view.timezone.start_of_day(today).is_none_or(|start| start < view.until);
    let last = if is_known { today } else { today.previous_day().unwrap_or(today) };
    let first = *view.recent_days(SHOWN).start();
    first.max(view.timezone.date(shown.since(stats))).min(last)..=last
}

/// Returns the end of the minute of `time`: beats of the present minute count.
fn next_minute(time: OffsetDateTime) -> OffsetDateTime {
    let seconds = time.unix_timestamp();
    OffsetDateTime::from_unix_timestamp(seconds + (-seconds).rem_euclid(60)).unwrap_or(time)
}

/// Parts of the days that are shown.
struct Parts {
    tracks: Vec<DayPart>,
    outages: Vec<DayPart>,
    spans: Vec<DayPart>,
    /// Whether they are exact to the minute.
    has_minutes: bool,
}

impl Parts {
    fn new(shown: &Shown, from: OffsetDateTime, until: OffsetDateTime) -> Self {
        if !shown.has_hours() {
            return Self { tracks: Vec::new(), outages: Vec::new(), spans: Vec::new(), has_minutes: false };
        }
        let timezone: &Timezone = &shown.view.timezone;
        let outages = shown.outages.iter().map(|it| (it.started_at.max(from), it.ended_at.min(until)));
        let spans = shown.presence.spans(from, until).into_iter().map(|span| (span.start, span.end));
        Self {
            tracks: timezone.day_parts(from, until),
            outages: outages.flat_map(|(start, end)| timezone.day_parts(start, end)).collect(),
            spans: spans
                .flat_map(|(start, end)| timezone.day_parts(start, end))
                .map(|part| in_steps(part, shown.view.grain()))
                .collect(),
            has_minutes: shown.view.grain() == 1,
        }
    }
}

/// Widens a part of a day to whole steps of some minutes.
fn in_steps(part: DayPart, step: u16) -> DayPart {
    DayPart {
        start: part.start - part.start % step,
        end: part.end.next_multiple_of(step).min(DAY_MINUTES),
        ..part
    }
}

impl Row {
    fn new(day: Date, is_today: bool, sums: &[Sum], parts: &Parts) -> Self {
        let minutes = minutes(day, sums);
        let of_day = |parts: &[DayPart]| -> Vec<DayPart> {
            parts.iter().filter(|part| part.day == day).copied().collect()
        };
        let spans = of_day(&parts.spans);
        let (sum, mut heard_sum) = match (minutes, is_today) {
            (0, true) => ("not yet today".to_owned(), "not yet in use today".to_owned()),
            (0, false) => ("none".to_owned(), "not in use".to_owned()),
            (minutes, _) => (words::short(minutes), words::long(minutes)),
        };
        let (first, last) = (spans.iter().map(|it| it.start).min(), spans.iter().map(|it| it.end).max());
        if let (Some(first), Some(last), true) = (first, last, parts.has_minutes) {
            let (first, last) = (words::clock(first), words::clock(last - 1));
            write!(heard_sum, ", first {first}, last {last}").expect("memory");
        }
        let weekday = if is_today {
            "Today".to_owned()
        } else {
            format!("{} {}", words::short_weekday(day), day.day())
        };
        Self {
            name: weekday,
            heard_name: format!("{} {}", day.weekday(), day.day()),
            is_today,
            is_used: minutes > 0,
            sum,
            heard_sum,
            track: boxes(&of_day(&parts.tracks)),
            outages: lines(&of_day(&parts.outages)),
            spans: boxes(&spans),
        }
    }
}

impl Live {
    fn new(shown: &Shown, sums: &[Sum]) -> Option<Self> {
        let view = &shown.view;
        let as_of = view.until.unix_timestamp();
        let clock = view.timezone.local(view.until)?;
        Some(Self {
            as_of,
            ends_at: view.timezone.start_of_day(view.today.next_day()?)?.unix_timestamp(),
            minute_of_day: u16::try_from(clock.hour()).ok()? * 60 + u16::try_from(clock.minute()).ok()?,
            last_minute: shown.presence.last_minute()?.unix_timestamp().div_euclid(60),
            minutes: minutes(view.today, sums),
        })
    }
}

/// Returns the minutes in use on a day.
fn minutes(day: Date, sums: &[Sum]) -> i64 {
    sums.iter().filter(|sum| sum.start.date() == day).map(|sum| i64::from(sum.minutes)).sum()
}

/// Returns a path with a box for each part of a day.
fn boxes(parts: &[DayPart]) -> String {
    let mut path = String::new();
    for DayPart { start, end, .. } in parts {
        let width = end - start;
        write!(path, "M{start} 0h{width}v1h-{width}z").expect("memory");
    }
    path
}

/// Returns a path with a line for each part of a day.
fn lines(parts: &[DayPart]) -> String {
    let mut path = String::new();
    for DayPart { start, end, .. } in parts {
        write!(path, "M{start} .5H{end}").expect("memory");
    }
    path
}
