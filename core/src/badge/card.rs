//! The link preview of the pages (`og:image`): the name of the server, its last beat, and as of when.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write,
};

use unicode_segmentation::UnicodeSegmentation;

use super::{png, runs, text::Text};
use crate::{humanize, recency::Recency, stats::Stats};

/// Width in pixels. With [`HEIGHT`] it makes services show a large preview (`summary_large_image`).
pub const WIDTH: u32 = 1200;
/// Height in pixels; see [`WIDTH`].
pub const HEIGHT: u32 = 630;

/// Sizes of the name in pixels, and how many lines of each there is room for.
const NAME_SIZES: [(u16, usize); 4] = [(48, 2), (42, 3), (36, 3), (30, 3)];

/// Width of the name in pixels: between the margins.
const NAME_WIDTH: f32 = 1040.0;

/// Content of the image. Equal cards make equal images, so it can be the key of a cache.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Card {
    name: Text,
    message: String,
    /// To the minute: chats show the image for days, and each change of it costs a drawing.
    as_of: String,
    recency: Recency,
}

impl Card {
    /// Creates the card of the server called `name`, with the last beat in its `stats`.
    #[must_use]
    pub fn new(name: &str, stats: &Stats) -> Self {
        let seconds = stats.last_seen_relative;
        Self {
            name: Text::new(name),
            message: seconds.map_or("No beat yet".to_owned(), humanize::ago),
            as_of: humanize::as_of(stats.as_of),
            recency: stats.recency(seconds),
        }
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
        let (size, lines) = lay_out(self.name.drawable().as_str());
        let mut name = String::new();
        for (at, line) in (0_u8..).zip(&lines) {
            let y = 72.0 + f32::from(size) * (0.9 + 1.25 * f32::from(at));
            let (line, width) = (runs::escape(line), runs::width(line) * f32::from(size));
            let x = 80.0 + width / 2.0;
            write!(name, r#"<text x="{x}" y="{y}" textLength="{width}">{line}</text>"#).expect("memory");
        }
        let (message, as_of) = (runs::escape(&self.message), &self.as_of);
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="DejaVu Sans">
<rect width="100%" height="100%" fill="#11151c"/>
<g font-size="{size}" fill="#c9d1dc" text-anchor="middle">{name}</g>
<g font-size="32" fill="#8b93a1"><text x="80" y="330">Last heartbeat</text></g>
<g font-size="96" font-weight="bold" fill="#ffffff"><text x="76" y="432">{message}</text></g>
<g font-size="28" fill="#8b93a1"><text x="80" y="490">{as_of}</text></g>
<path d="M80 560H860l18-8 16 8 14-52 22 92 20-58 12 18H1120" fill="none" stroke="{accent}" stroke-width="6" stroke-linejoin="round" stroke-linecap="round"/>
</svg>"##
        )
    }
}

/// Returns the largest size at which the name fits, and its lines.
fn lay_out(name: &str) -> (u16, Vec<String>) {
    let clusters: HashSet<&str> = name.graphemes(true).collect();
    let widths: HashMap<&str, f32> =
        clusters.into_iter().map(|cluster| (cluster, runs::width(cluster))).collect();
    let fitting = NAME_SIZES.iter().find_map(|(size, max_lines)| {
        let lines = wrap(name, NAME_WIDTH / f32::from(*size), &widths);
        (lines.len() <= *max_lines).then_some((*size, lines))
    });
    fitting.expect("64 characters fit into three lines of the smallest size")
}

/// Breaks a text at blanks into as few lines of a width as possible, all about equally long. Words that are wider than
/// a line are broken between characters.
fn wrap(text: &str, width: f32, widths: &HashMap<&str, f32>) -> Vec<String> {
    let fewest = fill_lines(text, width, widths);
    let narrower = (50_u8..100).map(|percent| fill_lines(text, width * f32::from(percent) / 100.0, widths));
    narrower.into_iter().find(|lines| lines.len() == fewest.len()).unwrap_or(fewest)
}

/// Breaks a text into lines, each as long as possible.
fn fill_lines(text: &str, width: f32, widths: &HashMap<&str, f32>) -> Vec<String> {
    let measure = |text: &str| text.graphemes(true).map(|cluster| widths[cluster]).sum::<f32>();
    let mut lines = vec![String::new()];
    for word in text.split_inclusive(' ') {
        let line = lines.last_mut().expect("one line");
        if measure(line) + measure(word.trim_end()) > width && !line.is_empty() {
            lines.push(String::new());
        }
        for cluster in word.graphemes(true) {
            let line = lines.last_mut().expect("one line");
            if measure(line) + widths[cluster] > width && cluster != " " {
                lines.push(String::new());
            }
            lines.last_mut().expect("one line").push_str(cluster);
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::settings::Precision;

    /// Stats whose last beat was so many seconds ago.
    fn stats(last_seen_relative: Option<i64>) -> Stats {
        let as_of = datetime!(2023-11-02 09:48:40 UTC).unix_timestamp();
        Stats {
            as_of,
            precision: Precision::Exact,
            last_seen: last_seen_relative.map(|age| as_of - age),
            last_seen_relative,
            longest_absence: 0,
            num_visits: 0,
            total_beats: 0,
            devices: Vec::new(),
            uptime: 0,
        }
    }

    #[test]
    fn the_card_is_a_picture_of_the_size_that_services_expect() {
        for name in ["Ada's heartbeat", "<&\"'>", "", &"W".repeat(64), "携帯📱"] {
            for seconds in [None, Some(0), Some(200_000)] {
                let png = Card::new(name, &stats(seconds)).png();
                // The header of a PNG holds its size (RFC 2083, section 4.1.1).
                let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().expect("four bytes"));
                assert_eq!((number(16), number(20)), (WIDTH, HEIGHT));
            }
        }
    }

    #[test]
    fn the_card_says_as_of_when() {
        let svg = Card::new("Ada's heartbeat", &stats(Some(6))).svg();
        assert!(
            svg.contains(">6 seconds ago<") && svg.contains(">as of 2 November 2023, 09:48 UTC<"),
            "{svg}"
        );
    }

    #[test]
    fn long_names_fit_into_the_card() {
        for name in [
            "Ada's heartbeat",
            "The digital heartbeat of somebody with a long name",
            "The digital heartbeat of a person whose name takes sixty chars",
            &"W".repeat(64),
            &"Wide ".repeat(12),
            &"携".repeat(64),
            &"👩‍👧".repeat(32),
        ] {
            let card = Card::new(name, &stats(Some(6)));
            let (size, lines) = lay_out(card.name.drawable().as_str());
            let blanks = |text: &str| text.replace(' ', "");
            assert_eq!(blanks(&lines.concat()), blanks(card.name.drawable().as_str()));
            for line in &lines {
                assert!(runs::width(line) * f32::from(size) <= NAME_WIDTH * 1.001, "{line} at {size}");
            }
        }
    }

    #[test]
    fn lines_are_about_equally_long() {
        let lines = |name: &str| lay_out(name).1;
        assert_eq!(lines("Ada's heartbeat"), ["Ada's heartbeat"]);
        assert_eq!(
            lines("The digital heartbeat of somebody with a long name"),
            ["The digital heartbeat of", "somebody with a long name"]
        );
        assert_eq!(lines(""), [""]);
    }
}
