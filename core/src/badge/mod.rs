//! Badges: small pictures of one figure, for READMEs and profiles.
//!
//! - [`color`]: colours as badges' addresses write them.
//! - [`text`]: label and message, made fit for a picture.
//! - [`svg`]: the drawing, by the rules of shields.io.
//! - [`png`]: drawings as pixels, for places that refuse SVG.
//! - [`card`]: the picture that links to the pages unfold to.

pub mod card;
pub mod color;
pub mod png;
mod svg;
pub mod text;

use serde::Serialize;
use utoipa::ToSchema;

use crate::{humanize, recency::Recency};
use color::Color;
use text::Text;

/// A badge, ready to be drawn. Equal badges are equal pictures.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Badge {
    /// What the figure is, on the left.
    pub label: Text,
    /// The figure, on the right.
    pub message: Text,
    /// The shape.
    pub style: Style,
    /// The colour on the right.
    pub color: Color,
    /// The colour on the left; by default that of the style.
    pub label_color: Option<Color>,
    /// Whether there is a heart before the label.
    pub heart: bool,
}

/// The shapes of badges, as shields.io knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Style {
    /// 20 pixels high, rounded, with a slight gradient.
    #[default]
    Flat,
    /// The same without gradient and rounding.
    FlatSquare,
    /// 18 pixels high, with a strong gradient.
    Plastic,
    /// 28 pixels high, in capitals.
    ForTheBadge,
    /// Two bubbles, whatever the colours.
    Social,
}

/// A badge in words, as shields.io takes it from other servers.
///
/// Source: "Endpoint Badge", shields.io/badges/endpoint-badge.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint<'a> {
    /// The version of this format: 1.
    #[schema(minimum = 1, maximum = 1, example = 1)]
    schema_version: u8,
    /// What the figure is.
    #[schema(example = "last online")]
    label: &'a str,
    /// The figure; or why there is none.
    #[schema(example = "3 minutes ago")]
    message: &'a str,
    /// The colour on the right: a name, or hexadecimal digits with `#`.
    #[schema(example = "brightgreen")]
    color: &'a str,
    /// The colour on the left, if it is not the usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "#555555")]
    label_color: Option<&'a str>,
    /// There, and true, if the message is no figure.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_error: bool,
}

impl Style {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Flat, Self::FlatSquare, Self::Plastic, Self::ForTheBadge, Self::Social];

    /// Its name in addresses.
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
    /// The badge that says how long ago a beat was, in seconds.
    #[must_use]
    pub fn last_seen(label: &str, seconds: Option<i64>) -> Self {
        let color = match Recency::of(seconds) {
            Recency::Never => "lightgrey",
            Recency::Now => "brightgreen",
            Recency::Recent => "green",
            Recency::Today => "yellow",
            Recency::Late => "orange",
            Recency::Lost => "red",
        };
        Self::new(label, &seconds.map_or("never".to_owned(), humanize::ago), color)
    }

    /// The badge that says how many beats there were.
    #[must_use]
    pub fn total_beats(label: &str, beats: i64) -> Self {
        Self::new(label, &humanize::grouped(beats), "blue")
    }

    /// The badge that is shown when there is no figure to show.
    #[must_use]
    pub fn without_figure(label: &str, reason: &str) -> Self {
        Self::new(label, reason, "lightgrey")
    }

    fn new(label: &str, message: &str, color: &str) -> Self {
        Self {
            label: Text::new(label),
            message: Text::new(message),
            style: Style::default(),
            color: Color::parse(color).expect("one of the names that badges have for colours"),
            label_color: None,
            heart: true,
        }
    }

    /// The drawing.
    #[must_use]
    pub fn svg(&self) -> String {
        svg::draw(self)
    }

    /// The drawing as pixels, `scale` of them in each direction for one of the drawing's. Takes
    /// milliseconds.
    #[must_use]
    pub fn png(&self, scale: u8) -> Vec<u8> {
        let drawable =
            Self { label: self.label.drawable(), message: self.message.drawable(), ..self.clone() };
        png::render(&drawable.svg(), scale)
    }

    /// The badge as JSON of an [`Endpoint`], with `is_error` if it shows none of our figures.
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
    fn the_colour_tells_the_age() {
        for (seconds, message, color) in [
            (None, "never", "lightgrey"),
            (Some(0), "just now", "brightgreen"),
            (Some(180), "3 minutes ago", "brightgreen"),
            (Some(300), "5 minutes ago", "green"),
            (Some(7_200), "2 hours ago", "yellow"),
            (Some(90_000), "1 day ago", "orange"),
            (Some(200_000), "2 days ago", "red"),
        ] {
            let badge = Badge::last_seen("last online", seconds);
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
