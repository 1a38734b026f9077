//! Durations as people write them.

use std::fmt;

/// A duration of whole minutes, hours or days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(i64);

/// The units, from the longest: what a number is followed by, and its seconds.
const UNITS: [(char, i64); 3] = [('d', 86_400), ('h', 3_600), ('m', 60)];

impl Span {
    /// Returns the duration of so many seconds.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Parses a number and its unit, such as `45m`, `36h` or `7d`; `None` if it is nothing of that kind.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let unit = text.chars().last()?;
        let (_, seconds) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        let digits = &text[..text.len() - unit.len_utf8()];
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        digits.parse::<i64>().ok()?.checked_mul(seconds).map(Self)
    }

    /// Returns the seconds.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Span {
    /// Writes it with the longest unit of which it is a whole number: `90m`, `36h`, `2d`. What is no whole number of minutes
    /// is rounded up.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.0.saturating_add(59) / 60 * 60;
        let unit = UNITS.into_iter().find(|(_, seconds)| minutes % seconds == 0);
        let (name, seconds) = unit.unwrap_or(('m', 60));
        write!(f, "{}{name}", minutes / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_as_they_are_read() {
        for text in ["10m", "90m", "36h", "7d"] {
            assert_eq!(Span::parse(text).map(|span| span.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Span::parse("48h").map(|span| span.to_string()).as_deref(), Some("2d"));
        assert_eq!(Span::parse("036h"), Some(Span(129_600)));
    }

    #[test]
    fn nothing_else_is_a_span() {
        for text in [
            "",
            "h",
            "36",
            "1.5h",
            "-1h",
            "+1h",
            " 1h",
            "1 h",
            "1w",
            "1H",
            "1s",
            "9223372036854775807d",
            "1\u{fb03}",
        ] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }
}
