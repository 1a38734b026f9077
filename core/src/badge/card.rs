//! The link preview of the pages (`og:image`): the name of the server, and its last beat.

use std::fmt::Write;

use super::{png, text::Text};
use crate::{humanize, recency::Recency};

/// Width in pixels. With [`HEIGHT`] it makes services show a large preview (`summary_large_image`).
pub const WIDTH: u32 = 1200;
/// Height in pixels; see [`WIDTH`].
pub const HEIGHT: u32 = 630;

/// Content of the image. Equal cards make equal images, so it can be the key of a cache.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Card {
    name: Text,
    message: String,
    recency: Recency,
}

impl Card {
    /// Creates the card of the server called `name` whose last beat was `seconds` ago.
    #[must_use]
    pub fn new(name: &str, seconds: Option<i64>) -> Self {
        let message = seconds.map_or("No beat yet".to_owned(), humanize::ago);
        Self { name: Text::new(name).drawable(), message, recency: Recency::of(seconds) }
    }

    /// Draws the card as PNG. Takes some ten milliseconds.
    #[must_use]
    pub fn png(&self) -> Vec<u8> {
        png::render(&self.svg(), 1)
    }

    fn svg(&self) -> String {
        let accent = match self.recency {
            Recency::Never => "#8b93a1",
            Recency::Now => "#3ddc84",
            Recency::Recent => "#8fce4a",
            Recency::Today => "#e6c229",
            Recency::Late => "#f0883e",
            Recency::Lost => "#f0524f",
        };
        let mut lines = String::new();
        for (at, line) in wrap(self.name.as_str()).iter().enumerate() {
            let y = 120 + 62 * at;
            write!(lines, r#"<text x="80" y="{y}">{}</text>"#, escape_xml(line)).expect("memory");
        }
        let message = escape_xml(&self.message);
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="DejaVu Sans">
<rect width="100%" height="100%" fill="#11151c"/>
<g font-size="48" fill="#c9d1dc">{lines}</g>
<g font-size="32" fill="#8b93a1"><text x="80" y="330">Last heartbeat</text></g>
<g font-size="96" font-weight="bold" fill="#ffffff"><text x="76" y="440">{message}</text></g>
<path d="M80 540H860l18-8 16 8 14-52 22 92 20-58 12 18H1120" fill="none" stroke="{accent}" stroke-width="6" stroke-linejoin="round" stroke-linecap="round"/>
</svg>"##
        )
    }
}

/// Splits a name into one line, or into two of about equal length.
fn wrap(name: &str) -> Vec<String> {
    /// Number of characters that fit between the margins at the font size of the name.
    const LINE_MAX_CHARS: usize = 36;
    if name.chars().count() <= LINE_MAX_CHARS {
        return vec![name.to_owned()];
    }
    let middle = name.char_indices().nth(name.chars().count() / 2).map_or(0, |(at, _)| at);
    let blanks = name.match_indices(' ').map(|(at, _)| at);
    let cut = blanks.min_by_key(|at| at.abs_diff(middle)).filter(|at| {
        let (first, second) = name.split_at(*at);
        first.chars().count() <= LINE_MAX_CHARS && second.chars().count() <= LINE_MAX_CHARS
    });
    let (first, second) = name.split_at(cut.unwrap_or(middle));
    vec![first.to_owned(), second.trim_start().to_owned()]
}

fn escape_xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_is_a_picture_of_the_size_that_services_expect() {
        for name in ["Ada's heartbeat", "<&\"'>", "", &"W".repeat(64), "携帯📱"] {
            for seconds in [None, Some(0), Some(200_000)] {
                let png = Card::new(name, seconds).png();
                // The header of a PNG holds its size (RFC 2083, section 4.1.1).
                let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().expect("four bytes"));
                assert_eq!((number(16), number(20)), (WIDTH, HEIGHT));
            }
        }
    }

    #[test]
    fn long_names_take_two_lines() {
        assert_eq!(wrap("Ada's heartbeat"), ["Ada's heartbeat"]);
        let long = "The digital heartbeat of somebody with a long name";
        assert_eq!(wrap(long), ["The digital heartbeat of", "somebody with a long name"]);
        assert_eq!(wrap(&"W".repeat(64)), ["W".repeat(32), "W".repeat(32)]);
    }
}
