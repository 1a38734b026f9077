//! Colors, as the URL of a badge writes them.

use std::str::FromStr;

use badge_maker_rs::NamedColor;

/// Regular expression (ECMA-262) for the colors that need no knowledge of CSS: shields.io's own names, and
/// hexadecimal digits. [`Color::parse`] accepts these and more.
pub const PATTERN: &str = concat!(
    "^(brightgreen|green|yellow|yellowgreen|orange|red|blue|grey|gray|lightgrey|lightgray",
    "|success|important|critical|informational|inactive",
    "|#?([0-9A-Fa-f]{3}|[0-9A-Fa-f]{4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8}))$",
);

/// A color of a badge.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Color(Kind);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    /// One of shields.io's own names, whose shade the drawing library knows.
    Named(&'static str),
    /// `#rrggbb`, or `#rrggbbaa` if it is translucent.
    Hex(String),
}

impl Color {
    /// Parses one of shields.io's names, hexadecimal digits with or without `#`, or any CSS color. All but the first
    /// are resolved to digits, since not every program that shows badges knows all of CSS.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(badge_maker_rs::Color::Named(named)) =
            badge_maker_rs::Color::from_str(&text.to_ascii_lowercase())
        {
            return Some(Self(Kind::Named(NamedColor::as_str(named))));
        }
        let color = csscolorparser::parse(text).ok()?;
        Some(Self(Kind::Hex(color.to_css_hex().to_string())))
    }

    /// Returns the name, or the digits with `#`.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.0 {
            Kind::Named(name) => name,
            Kind::Hex(digits) => digits,
        }
    }

    /// Returns the color as CSS knows it: the shades of shields.io's names are not those of CSS.
    pub(super) fn to_css(&self) -> &str {
        match &self.0 {
            Kind::Hex(digits) => digits,
            Kind::Named("brightgreen" | "success") => "#44bb00",
            Kind::Named("green") => "#67ac09",
            Kind::Named("yellow") => "#d8b800",
            Kind::Named("yellowgreen") => "#95991a",
            Kind::Named("orange" | "important") => "#ea7233",
            Kind::Named("red" | "critical") => "#dd4343",
            Kind::Named("blue" | "informational") => "#007ec6",
            Kind::Named("grey" | "gray") => "#555555",
            Kind::Named(_) => "#939393",
        }
    }

    /// Returns the parts of the color.
    pub(super) fn rgba(&self) -> csscolorparser::Color {
        csscolorparser::parse(self.to_css()).expect("hexadecimal digits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_digits_and_everything_of_css_are_colors() {
        for (text, name) in [
            ("brightgreen", "brightgreen"),
            ("BrightGreen", "brightgreen"),
            ("success", "success"),
            ("4c1", "#44cc11"),
            ("#4C1", "#44cc11"),
            ("e91e63", "#e91e63"),
            ("rebeccapurple", "#663399"),
            ("RebeccaPurple", "#663399"),
            ("rgb(255,0,128)", "#ff0080"),
            ("rgb(255 0 128 / 50%)", "#ff008080"),
            ("hsl(120,60%,80%)", "#adebad"),
            ("hwb(0 0% 0%)", "#ff0000"),
        ] {
            assert_eq!(Color::parse(text).as_ref().map(Color::name), Some(name), "{text}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        for text in ["", "notacolor", "12", "#12345", "rgb(1,2)", "url(#a)", "\"/><script>", "red;"] {
            assert_eq!(Color::parse(text), None, "{text}");
        }
    }
}
