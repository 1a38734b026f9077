//! Images in `badges.md`, drawn by the program's own renderer with fixed values.

use std::fmt::Write;

use heartbeat_core::{
    badge::{Badge, Style, color::Color},
    recency::Recency,
};

use crate::Part;

/// Age of the last beat in most images: three minutes.
const SECONDS: Option<i64> = Some(180);

/// Image: the end of its file name, a description, the badge.
type Image = (String, String, Badge);

pub(crate) fn parts() -> Vec<Part> {
    let tables = [
        ("ages", "The last beat was", ages()),
        ("styles", "Behind the address", styles()),
        ("parameters", "Behind the address", parameters()),
        ("refusals", "Why", errors()),
    ];
    tables.into_iter().flat_map(|(name, heading, images)| table(name, heading, &images)).collect()
}

/// Returns a table of images, and the images.
fn table(name: &'static str, heading: &str, images: &[Image]) -> Vec<Part> {
    let mut text = format!("| {heading} | The badge |\n|---|---|\n");
    let mut parts = Vec::new();
    for (file, description, badge) in images {
        let file = format!("images/badge-{file}.svg");
        let alt = format!("{}: {}", badge.label.as_str(), badge.message.as_str());
        let _ = writeln!(text, "| {description} | ![{}]({file}) |", alt.trim_start_matches(": "));
        parts.push(Part { file, name: None, text: badge.svg() });
    }
    parts.push(Part { file: "badges.md".to_owned(), name: Some(name), text });
    parts
}

fn last_seen(label: &str, seconds: Option<i64>) -> Badge {
    Badge::last_seen(label, seconds, Recency::of(seconds))
}

fn ages() -> Vec<Image> {
    let of = |file: &str, description: &str, seconds| {
        (format!("age-{file}"), description.to_owned(), last_seen("last online", seconds))
    };
    vec![
        of("now", "less than five minutes ago", SECONDS),
        of("recent", "less than an hour ago", Some(25 * 60)),
        of("today", "less than a day ago", Some(7 * 3_600)),
        of("late", "less than two days ago", Some(30 * 3_600)),
        of("lost", "longer ago", Some(9 * 86_400)),
        of("never", "never", None),
    ]
}

fn styles() -> Vec<Image> {
    let of = |style: Style| {
        let badge = Badge { style, ..last_seen("last online", SECONDS) };
        (format!("style-{}", style.name()), format!("`?style={}`", style.name()), badge)
    };
    Style::ALL.into_iter().map(of).collect()
}

fn parameters() -> Vec<Image> {
    let plain = || last_seen("last online", SECONDS);
    let color = |name: &str| Color::parse(name).expect("a color");
    let of = |file: &str, query: &str, badge| (file.to_owned(), format!("`{query}`"), badge);
    vec![
        of("label", "?label=seen", last_seen("seen", SECONDS)),
        of("no-label", "?label=", last_seen("", SECONDS)),
        of("label-color", "?labelColor=black", Badge { label_color: Some(color("black")), ..plain() }),
        of("color", "?color=rebeccapurple", Badge { color: color("rebeccapurple"), ..plain() }),
        of("no-logo", "?logo=none", Badge { heart: false, ..plain() }),
        of("device", "?device=0", last_seen("Laptop last online", SECONDS)),
        (
            "total-beats".to_owned(),
            "`/badge/total-beats`, without any".to_owned(),
            Badge::total_beats("total beats", 1_234_567),
        ),
    ]
}

fn errors() -> Vec<Image> {
    let of = |file: &str, description: &str, message| {
        (format!("refused-{file}"), description.to_owned(), Badge::without_figure("last online", message))
    };
    vec![
        of("parameter", "400: a parameter has a value that it cannot have", "scale: not from 1 to 4"),
        of("device", "404: no device has this id", "no such device"),
        of("database", "503: the database is away", "unavailable"),
    ]
}
