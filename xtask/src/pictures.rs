//! Pictures in `pictures.md`, drawn by the program's own renderer with an invented year.

use heartbeat_core::{
    badge::{
        picture::{
            Content, Picture,
            heatmap::{Heatmap, Year},
            look::{Look, Theme},
            status_card::{StatusCard, Timeline},
        },
        text::Text,
    },
    presence::Sum,
    recency::Recency,
};
use time::{Date, Duration, OffsetDateTime, Time, Weekday, macros::date};

use crate::Part;

/// Days of the year that the heatmap shows.
const DAYS: (Date, Date) = (date!(2025 - 11 - 28), date!(2026 - 11 - 27));

pub(crate) fn parts() -> Vec<Part> {
    let mut parts = Vec::new();
    for theme in [Theme::Light, Theme::Dark] {
        let look = Look { theme, ..Look::default() };
        for (name, content) in [
            ("heatmap", Content::Heatmap(heatmap())),
            ("card", Content::Card(card(day()))),
            ("card-days", Content::Card(card(week()))),
        ] {
            let picture = Picture { look: look.clone(), content };
            let file = format!("images/{name}-{}.svg", theme.name());
            parts.push(Part { file, name: None, text: picture.svg() });
        }
    }
    parts
}

fn heatmap() -> Heatmap {
    let days = std::iter::successors(Some(DAYS.0), |day| day.next_day()).take_while(|day| *day <= DAYS.1);
    let sums: Vec<Sum> = days.filter_map(|day| Some(sum(day, minutes(day)?))).collect();
    let year = Year {
        days: DAYS.0..=DAYS.1,
        name: "in the last year",
        sums: &sums,
        set_up: date!(2026 - 1 - 7),
        today: DAYS.1,
    };
    Heatmap::new(&year, None, None, Weekday::Monday)
}

fn sum(day: Date, minutes: u32) -> Sum {
    Sum { start: OffsetDateTime::new_utc(day, Time::MIDNIGHT), minutes, beats: u64::from(minutes) }
}

/// Minutes of a day in the life of an invented person, with quiet weekends and three weeks off in August.
fn minutes(day: Date) -> Option<u32> {
    let is_away = (date!(2026 - 8 - 3)..date!(2026 - 8 - 24)).contains(&day);
    let (number, weekday) = (u32::from(day.ordinal()), day.weekday());
    let varies = number.wrapping_mul(2_654_435_761) >> 22;
    if day < date!(2026 - 1 - 7) || is_away || (number % 11 == 3 && weekday == Weekday::Sunday) {
        return None;
    }
    match weekday {
        Weekday::Saturday | Weekday::Sunday => Some(varies / 7).filter(|minutes| *minutes > 15),
        _ if number.is_multiple_of(23) => Some(40),
        _ => Some(150 + varies * 7 / 15),
    }
}

fn card(timeline: Timeline) -> StatusCard {
    StatusCard {
        name: Some(Text::new("Ada's heartbeat")),
        last_seen: Some((Some(25 * 60), Recency::Recent)),
        timeline: Some(timeline),
        beats: Some(1_234_567),
        longest_absence: Some(20 * 86_400 + 50_000),
    }
}

/// A day that is not over.
fn day() -> Timeline {
    let at = |hour: u32, minute: u32| 3_600 * hour + 60 * minute;
    let spans = vec![
        (at(7, 10), at(7, 35)),
        (at(9, 2), at(11, 48)),
        (at(11, 59), at(12, 20)),
        (at(13, 31), at(16, 5)),
        (at(16, 40), at(17, 12)),
        (at(19, 55), at(19, 58)),
    ];
    let minutes = spans.iter().map(|(start, end)| (end - start) / 60).sum();
    Timeline::Day { name: "Today".to_owned(), spans, until: at(20, 23), minutes }
}

fn week() -> Timeline {
    let days = (0..7).rev().map(|ago| DAYS.1 - Duration::days(ago));
    Timeline::Days(days.map(|day| (day, minutes(day).unwrap_or(0))).collect())
}
