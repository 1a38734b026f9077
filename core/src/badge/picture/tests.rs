//! What the drawings of pictures are made of.

use resvg::usvg::roxmltree::Document;
use time::{
    Date, Duration, OffsetDateTime, Weekday,
    macros::{date, datetime},
};

use super::{
    Content, Picture,
    heatmap::{Heatmap, Year},
    look::{Background, Look, Theme},
    status_card::{StatusCard, Timeline},
};
use crate::{
    badge::{color::Color, text::Text},
    presence::Sum,
    recency::Recency,
};

/// A text with everything that could end an attribute, an element or a path.
const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'&]]> 携帯📱";

/// The most that a picture may weigh, in bytes.
const MAX_BYTES: usize = 30_000;

fn sum(day: Date, minutes: u32) -> Sum {
    Sum { start: OffsetDateTime::new_utc(day, time::Time::MIDNIGHT), minutes, beats: u64::from(minutes) }
}

/// Days of a year that were in use for longer and longer.
fn sums(first: Date) -> Vec<Sum> {
    (0..365)
        .filter(|day| day % 9 != 4)
        .map(|day| sum(first + Duration::days(day), u32::try_from(day).expect("a day") + 1))
        .collect()
}

fn heatmap(week_start: Weekday, label: Option<&str>) -> Heatmap {
    let (first, last) = (date!(2025 - 11 - 28), date!(2026 - 11 - 27));
    let sums = sums(first);
    let year = Year { days: first..=last, name: "in the last year", sums: &sums, set_up: first, today: last };
    Heatmap::new(&year, None, label, week_start)
}

fn card(name: &str) -> StatusCard {
    StatusCard {
        name: Some(Text::new(name)),
        last_seen: Some((Some(200), Recency::Now)),
        timeline: Some(Timeline::Day {
            name: "Today".to_owned(),
            spans: (0..200).map(|part| (part * 400, part * 400 + 200)).collect(),
            until: 80_000,
            minutes: 575,
        }),
        beats: Some(1_234_567),
        longest_absence: Some(84_898),
    }
}

fn svg(content: Content) -> String {
    Picture { look: Look::default(), content }.svg()
}

/// Number of squares of a class.
fn squares(svg: &str, class: &str) -> usize {
    let document = Document::parse(svg).expect("XML");
    let paths = document
        .descendants()
        .filter(|node| node.has_tag_name("path") && node.attribute("class") == Some(class));
    paths.map(|path| path.attribute("d").unwrap_or_default().matches('M').count()).sum()
}

#[test]
fn pictures_are_small_and_well_formed_whatever_they_are_called() {
    let colors =
        [None, Color::parse("rebeccapurple"), Color::parse("rgb(1 2 3 / 50%)"), Color::parse("green")];
    for theme in Theme::ALL {
        for color in &colors {
            let background = color.clone().map_or(Background::Transparent, Background::Color);
            let look =
                Look { theme, color: color.clone(), background, border: color.is_none(), width: Some(2000) };
            for label in ["", "Ada's heartbeat", HOSTILE, &"W".repeat(64), &"携".repeat(64), &"👩‍👧".repeat(32)]
            {
                for content in
                    [Content::Heatmap(heatmap(Weekday::Monday, Some(label))), Content::Card(card(label))]
                {
                    let picture = Picture { look: look.clone(), content };
                    let svg = picture.svg();
                    assert!(svg.len() < MAX_BYTES, "{}", svg.len());
                    let document = Document::parse(&svg).unwrap_or_else(|error| panic!("{error}: {svg}"));
                    assert_eq!(document.root_element().attribute("role"), Some("img"));
                    assert!(!svg.contains("<img") && !svg.contains("href") && !svg.contains("url("), "{svg}");
                    if theme == Theme::Auto && color.is_none() {
                        let png = picture.png();
                        assert_eq!(png[16..20], 2000_u32.to_be_bytes());
                    }
                }
            }
        }
    }
}

#[test]
fn each_day_is_one_square_of_its_step() {
    let svg = svg(Content::Heatmap(heatmap(Weekday::Monday, None)));
    // One more of each in the legend. Minutes 1 to 365, but for each ninth day from the fifth on.
    let counts = ["e", "s1", "s2", "s3", "s4", "o"].map(|class| squares(&svg, class));
    assert_eq!(counts, [42, 53, 108, 161, 6, 0]);
    assert!(svg.contains("<title>987 hours in use in the last year</title>"), "{svg}");
    assert!(
        svg.contains("<desc>In use on 324 of 365 days, from 28 November 2025 to 27 November 2026.</desc>"),
        "{svg}"
    );
    for step in [">none<", ">under 1<", ">under 3<", ">under 6<", ">more<", ">Mon<", ">Dec<", ">Nov<"] {
        assert!(svg.contains(step), "{step}: {svg}");
    }
}

#[test]
fn steps_begin_where_the_last_ones_end() {
    let first = date!(2026 - 1 - 1);
    for (minutes, class) in [
        (0, "e"),
        (1, "s1"),
        (59, "s1"),
        (60, "s2"),
        (179, "s2"),
        (180, "s3"),
        (359, "s3"),
        (360, "s4"),
        (1_500, "s4"),
    ] {
        let sums = [sum(first, minutes)];
        let year = Year { days: first..=first, name: "in 2026", sums: &sums, set_up: first, today: first };
        let svg = svg(Content::Heatmap(Heatmap::new(&year, None, None, Weekday::Monday)));
        assert_eq!(squares(&svg, class), 2, "{minutes}: {svg}");
    }
}

#[test]
fn days_before_set_up_are_outlined_and_those_to_come_left_out() {
    let days = date!(2026 - 1 - 1)..=date!(2026 - 12 - 31);
    let year =
        Year { days, name: "in 2026", sums: &[], set_up: date!(2026 - 1 - 11), today: date!(2026 - 1 - 15) };
    let with_none = svg(Content::Heatmap(Heatmap::new(&year, None, None, Weekday::Monday)));
    assert_eq!((squares(&with_none, "o"), squares(&with_none, "e")), (10, 5 + 1));
    let sums = [sum(date!(2026 - 1 - 3), 5)];
    let moved_in = Year { sums: &sums, ..year };
    let moved_in = svg(Content::Heatmap(Heatmap::new(&moved_in, None, None, Weekday::Monday)));
    assert_eq!((squares(&moved_in, "o"), squares(&moved_in, "e")), (2, 12 + 1));
}

#[test]
fn weeks_begin_as_asked_and_a_year_has_54_of_them_at_most() {
    // 1 January 2000 was a Saturday, and the year a leap year.
    let days = date!(2000 - 1 - 1)..=date!(2000 - 12 - 31);
    let year =
        Year { days, name: "in 2000", sums: &[], set_up: date!(2000 - 1 - 1), today: date!(2026 - 1 - 1) };
    let width = |week_start| {
        let svg = svg(Content::Heatmap(Heatmap::new(&year, None, None, week_start)));
        let document = Document::parse(&svg).expect("XML");
        document.root_element().attribute("width").expect("a width").parse::<f32>().expect("a number")
    };
    assert!((width(Weekday::Sunday) - width(Weekday::Monday) - 13.0).abs() < 0.01);
    let default = svg(Content::Heatmap(heatmap(Weekday::Sunday, None)));
    assert!(default.contains(r#"width="748" height="180" viewBox="0 0 748 180""#), "{default}");
}

#[test]
fn a_card_has_the_size_that_people_expect_and_says_what_it_shows() {
    let full = svg(Content::Card(card("Ada's heartbeat")));
    assert!(full.contains(r#"width="495" height="195""#), "{full}");
    assert!(full.contains("<title>Ada's heartbeat</title>"), "{full}");
    assert!(
        full.contains("<desc>Here now. Today: 9 hr 35 min in use. Beats: 1,234,567. Longest absence: 23 hr 34 min.</desc>"),
        "{full}"
    );
    let card = StatusCard { last_seen: Some((Some(7_200), Recency::Today)), ..StatusCard::default() };
    let small = svg(Content::Card(card));
    assert!(small.contains(">Last seen 2 hours ago<") && !small.contains("Beats"), "{small}");
    let never =
        svg(Content::Card(StatusCard { last_seen: Some((None, Recency::Never)), ..StatusCard::default() }));
    assert!(never.contains(">No beat yet<"), "{never}");
}

#[test]
fn the_days_of_a_week_are_bars() {
    let last = datetime!(2026-11-27 0:00 UTC).date();
    let days = (0..7_u32).map(|day| (last - Duration::days(6 - i64::from(day)), day * 60)).collect();
    let svg =
        svg(Content::Card(StatusCard { timeline: Some(Timeline::Days(days)), ..StatusCard::default() }));
    assert!(svg.contains(">Last 7 days<") && svg.contains(">21 hours in use<"), "{svg}");
    assert_eq!((svg.matches(r#"class="t""#).count(), svg.matches(r#"class="u""#).count()), (7, 6));
}
