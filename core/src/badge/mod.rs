//! Badges, small images with one of the stats, and larger pictures for READMEs and profiles.
//!
//! - [`color`]: colors, as the URL of a badge writes them.
//! - [`text`]: label and message, limited to text that can be drawn.
//! - [`svg`]: badges as SVG, as shields.io draws them.
//! - [`png`]: badges as PNG, for sites that refuse SVG.
//! - [`fonts`], [`runs`], [`tree`]: the fonts of PNGs, texts that need several, and what the renderer makes of them.
//! - [`card`]: the link preview of the pages.
//! - [`picture`]: the heatmap and the status card.

pub mod card;
pub mod color;
mod fonts;
pub mod picture;
mod png;
mod runs;
mod svg;
pub mod text;
mod tree;

use serde::Serialize;
use utoipa::ToSchema;

use crate::{humanize, recency::Recency};
use color::Color;
use text::Text;

/// A badge, ready to be drawn. Equal badges make equal images, so it can be the key of a cache.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Badge {
    /// Text on the left, which names the value.
    pub label: Text,
    /// Text on the right: the value.
    pub message: Text,
    /// Style of the drawing.
    pub style: Style,
    /// Color of the right side.
    pub color: Color,
    /// Color of the left side; by default that of the style.
    pub label_color: Option<Color>,
    /// Whether a heart stands before the label.
    pub heart: bool,
}

/// Styles of badges, as in shields.io.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Style {
    /// 20 pixels high, rounded, with a slight gradient.
    #[default]
    Flat,
    /// 20 pixels high, without gradient and rounding.
    FlatSquare,
    /// 18 pixels high, with a strong gradient.
    Plastic,
    /// 28 pixels high, in capitals.
    ForTheBadge,
    /// Two bubbles, in fixed colors.
    Social,
}

/// A badge as JSON, from which shields.io draws it.
///
/// Source: "Endpoint Badge", shields.io/badges/endpoint-badge.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint<'a> {
    /// Version of this format: 1.
    #[schema(minimum = 1, maximum = 1, example = 1)]
    schema_version: u8,
    /// Name of the value.
    #[schema(example = "last online")]
    label: &'a str,
    /// The value, or the reason why there is none.
    #[schema(example = "3 minutes ago")]
    message: &'a str,
    /// Color of the right side: a name, or hexadecimal digits with `#`.
    #[schema(example = "brightgreen")]
    color: &'a str,
    /// Color of the left side, if it is not the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "#555555")]
    label_color: Option<&'a str>,
    /// Present, and true, if the message is an error.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_error: bool,
}

impl Style {
    /// All styles.
    pub const ALL: [Self; 5] = [Self::Flat, Self::FlatSquare, Self::Plastic, Self::ForTheBadge, Self::Social];

    /// Returns the name in URLs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::FlatSquare => "flat-square",
            Self::Plastic => "plastic",
            Self::ForTheBadge => "for-the-badge",
            Self::Social => "social",
        }
    }
}

impl Badge {
    /// Creates the badge of a last beat `seconds` ago.
    #[must_use]
    pub fn last_seen(label: &str, seconds: Option<i64>, recency: Recency) -> Self {
        let color = match recency {
            Recency::Never => "lightgrey",
            Recency::Now => "brightgreen",
            Recency::Recent => "green",
            Recency::Today => "yellow",
            Recency::Late => "orange",
            Recency::Lost => "red",
        };
        Self::new(label, &seconds.map_or("never".to_owned(), humanize::ago), color)
    }

    /// Creates the badge of a number of beats.
    #[must_use]
    pub fn total_beats(label: &str, beats: i64) -> Self {
        Self::new(label, &humanize::grouped(beats), "blue")
    }

    /// Creates the badge that is shown if there is no value, with the reason.
    #[must_use]
    pub fn without_figure(label: &str, reason: &str) -> Self {
        Self::new(label, reason, "lightgrey")
    }

    fn new(label: &str, message: &str, color: &str) -> Self {
        Self {
            label: Text::new(label),
            message: Text::new(message),
            style: Style::default(),
            color: Color::parse(color).expect("a named color"),
            label_color: None,
            heart: true,
        }
    }

    /// Draws the badge as SVG.
    #[must_use]
    pub fn svg(&self) -> String {
        svg::draw(self)
    }

    /// Draws the badge as PNG, with `scale` pixels in each direction for one of the SVG's. Takes milliseconds.
    #[must_use]
    pub fn png(&self, scale: u8) -> Vec<u8> {
        let drawable =
            Self { label: self.label.drawable(), message: self.message.drawable(), ..self.clone() };
        png::render(&drawable.svg(), scale)
    }

    /// Returns the badge as the JSON of an [`Endpoint`]. `is_error` says that the message is an error.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "text and numbers are always JSON")]
    pub fn json(&self, is_error: bool) -> String {
        let endpoint = Endpoint {
            schema_version: 1,
            label: self.label.as_str(),
            message: self.message.as_str(),
            color: self.color.name(),
            label_color: self.label_color.as_ref().map(Color::name),
            is_error,
        };
        serde_json::to_string(&endpoint).expect("text and numbers are JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_color_tells_the_age() {
        for (seconds, message, color) in [
            (None, "never", "lightgrey"),
            (Some(0), "just now", "brightgreen"),
            (Some(180), "3 minutes ago", "brightgreen"),
            (Some(300), "5 minutes ago", "green"),
            (Some(7_200), "2 hours ago", "yellow"),
            (Some(90_000), "1 day ago", "orange"),
            (Some(200_000), "2 days ago", "red"),
        ] {
            let badge = Badge::last_seen("last online", seconds, Recency::of(seconds));
            assert_eq!((badge.message.as_str(), badge.color.name()), (message, color));
        }
    }

    #[test]
    fn the_words_are_those_of_shields() {
        insta::assert_snapshot!(
            Badge::total_beats("total beats", 1_234_567).json(false),
            @r#"{"schemaVersion":1,"label":"total beats","message":"1,234,567","color":"blue"}"#
        );
        insta::assert_snapshot!(
            Badge::without_figure("last online", "unavailable").json(true),
            @r#"{"schemaVersion":1,"label":"last online","message":"unavailable","color":"lightgrey","isError":true}"#
        );
    }
}
