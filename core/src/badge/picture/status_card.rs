//! The status card: a name, the last beat, when it was in use today or in the last week, and a few figures.

use std::fmt::Write;

use time::Date;

use super::canvas::{Anchor, Canvas};
use crate::{badge::text::Text, humanize, recency::Recency};

/// Width in pixels.
const WIDTH: f32 = 495.0;

/// Distance from the border to what is drawn.
const PADDING: f32 = 24.0;

/// Width of what is drawn.
const INNER: f32 = WIDTH - 2.0 * PADDING;

/// Seconds of a day by the wall clock.
const DAY_SECONDS: f32 = 86_400.0;

/// Shortest time in use that is drawn, in pixels.
const SPAN_MIN: f32 = 2.0;

/// Distance from the bar of a day to the next one.
const BAR_GAP: f32 = 10.0;

/// Content of a status card. What is `None` is left out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct StatusCard {
    /// Whose card it is.
    pub name: Option<Text>,
    /// Seconds since the last beat, if there is one, and what they mean.
    pub last_seen: Option<(Option<i64>, Recency)>,
    /// When it was in use.
    pub timeline: Option<Timeline>,
    /// Number of beats.
    pub beats: Option<i64>,
    /// Seconds of the longest absence.
    pub longest_absence: Option<i64>,
}

/// When it was in use.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Timeline {
    /// The times of one day.
    Day {
        /// What the day is called.
        name: String,
        /// From when to when it was in use, in seconds of the wall clock.
        spans: Vec<(u32, u32)>,
        /// Second up to which anything is known.
        until: u32,
        /// Minutes in use.
        minutes: u32,
    },
    /// The last days with their minutes in use.
    Days(Vec<(Date, u32)>),
}

impl StatusCard {
    pub(super) fn draw(&self, canvas: &mut Canvas) {
        let mut y = PADDING - 6.0;
        if let Some(name) = self.name.as_ref().filter(|name| !name.as_str().is_empty()) {
            canvas.fitting((PADDING, y + 17.0), &[16.0, 14.0, 12.0], INNER, name);
            name.as_str().clone_into(&mut canvas.title);
            y += 28.0;
        }
        if let Some((seconds, recency)) = self.last_seen {
            draw_last_seen(canvas, y, seconds, recency);
            y += 38.0;
        }
        if let Some(timeline) = &self.timeline {
            timeline.draw(canvas, y);
            y += 58.0;
        }
        let figures = self.figures();
        let column = INNER / 2.0;
        for ((name, value), x) in figures.iter().zip([PADDING, PADDING + column]) {
            canvas.words((x, y + 14.0), Anchor::Start, 11.0, "q", name);
            canvas.words((x, y + 33.0), Anchor::Start, 15.0, "i", value);
            say(&mut canvas.description, &format!("{name}: {value}."));
        }
        y += if figures.is_empty() { 0.0 } else { 39.0 };
        (canvas.width, canvas.height) = (WIDTH, (y + PADDING - 10.0).max(2.0 * PADDING));
        if canvas.title.is_empty() {
            "Heartbeat".clone_into(&mut canvas.title);
        }
    }

    fn figures(&self) -> Vec<(&'static str, String)> {
        let beats = self.beats.map(|beats| ("Beats", humanize::grouped(beats)));
        let longest = self.longest_absence.map(|seconds| ("Longest absence", humanize::duration(seconds)));
        beats.into_iter().chain(longest).collect()
    }
}

/// Adds a sentence.
fn say(description: &mut String, sentence: &str) {
    description.push_str(if description.is_empty() { "" } else { " " });
    description.push_str(sentence);
}

fn draw_last_seen(canvas: &mut Canvas, y: f32, seconds: Option<i64>, recency: Recency) {
    let words = match (seconds, recency) {
        (None, _) => "No beat yet".to_owned(),
        (_, Recency::Now) => "Here now".to_owned(),
        (Some(seconds), _) => format!("Last seen {}", humanize::ago(seconds)),
    };
    let end = PADDING + canvas.words((PADDING, y + 24.0), Anchor::Start, 22.0, "i", &words) + 16.0;
    say(&mut canvas.description, &format!("{words}."));
    let class = match recency {
        Recency::Now => 0,
        Recency::Recent => 1,
        Recency::Today => 2,
        Recency::Late => 3,
        Recency::Lost => 4,
        Recency::Never => 5,
    };
    // A heartbeat as the link preview has it, at a quarter of the size, from the words to the margin.
    let (right, y) = (WIDTH - PADDING, y + 17.0);
    if end + 80.0 < right {
        canvas.add(format_args!(
            r#"<path class="r{class}" fill="none" stroke-width="2" stroke-linejoin="round" stroke-linecap="round" d="M{end:.1} {y}H{}l4.5-2 4 2 3.5-13 5.5 23 5-14.5 3 4.5H{right}"/>"#,
            right - 52.0,
        ));
    }
}

impl Timeline {
    fn draw(&self, canvas: &mut Canvas, y: f32) {
        let (left, right, bar) = (PADDING, WIDTH - PADDING, y + 20.0);
        let (name, minutes) = match self {
            Self::Day { name, minutes, .. } => (name.clone(), i64::from(*minutes)),
            Self::Days(days) => {
                let total = days.iter().map(|(_, minutes)| i64::from(*minutes)).sum();
                (format!("Last {}", humanize::count(days.len().try_into().unwrap_or(0), "day")), total)
            }
        };
        let span = match self {
            Self::Day { .. } => humanize::duration(minutes * 60),
            Self::Days(_) => humanize::time_in_use(minutes),
        };
        let used = if minutes == 0 { "not in use".to_owned() } else { format!("{span} in use") };
        canvas.words((left, y + 13.0), Anchor::Start, 11.0, "q", &name);
        canvas.words((right, y + 13.0), Anchor::End, 11.0, "q", &used);
        say(&mut canvas.description, &format!("{name}: {used}."));
        match self {
            Self::Day { spans, until, .. } => draw_day(canvas, bar, spans, *until),
            Self::Days(days) => draw_days(canvas, bar, days),
        }
    }
}

fn draw_day(canvas: &mut Canvas, y: f32, spans: &[(u32, u32)], until: u32) {
    let track = at(until).max(SPAN_MIN);
    canvas.add(format_args!(
        r#"<rect class="o" x="{:.1}" y="{:.1}" width="{:.1}" height="13" rx="2.5"/>"#,
        PADDING + 0.5,
        y + 0.5,
        INNER - 1.0
    ));
    canvas.add(format_args!(
        r#"<rect class="t" x="{PADDING}" y="{y}" width="{track:.1}" height="14" rx="3"/>"#
    ));
    let mut path = String::new();
    for (start, end) in spans {
        let width = (at(*end) - at(*start)).max(SPAN_MIN);
        let start = at(*start).min(INNER - width);
        write!(path, "M{:.1} {y}h{width:.1}v14h-{width:.1}z", PADDING + start).expect("memory");
    }
    if !path.is_empty() {
        canvas.add(format_args!(r#"<path class="u" d="{path}"/>"#));
    }
    for (hour, anchor) in [
        (0, Anchor::Start),
        (6, Anchor::Middle),
        (12, Anchor::Middle),
        (18, Anchor::Middle),
        (24, Anchor::End),
    ] {
        canvas.words((PADDING + at(hour * 3_600), y + 26.0), anchor, 10.0, "q", &hour.to_string());
    }
}

/// Distance of a second of the day from the left end of the timeline.
#[expect(clippy::cast_precision_loss, reason = "seconds of a day are exact")]
fn at(second: u32) -> f32 {
    (second as f32 / DAY_SECONDS).min(1.0) * INNER
}

/// Draws bars whose length is a part of 24 hours.
fn draw_days(canvas: &mut Canvas, y: f32, days: &[(Date, u32)]) {
    let count = f32::from(u8::try_from(days.len().max(1)).unwrap_or(u8::MAX));
    let width = (INNER - (count - 1.0) * BAR_GAP) / count;
    for ((day, minutes), number) in days.iter().zip(0_u8..) {
        let x = PADDING + f32::from(number) * (width + BAR_GAP);
        canvas.add(format_args!(
            r#"<rect class="t" x="{x:.1}" y="{y}" width="{width:.1}" height="14" rx="3"/>"#
        ));
        if *minutes > 0 {
            let part = (at(minutes * 60) / INNER * width).max(SPAN_MIN);
            canvas.add(format_args!(
                r#"<rect class="u" x="{x:.1}" y="{y}" width="{part:.1}" height="14" rx="3"/>"#
            ));
        }
        let name = &day.weekday().to_string()[..3];
        canvas.words((x + width / 2.0, y + 26.0), Anchor::Middle, 10.0, "q", name);
    }
}
