//! Label and message, made fit for a picture.

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use super::png;

/// The most characters that a text on a badge has; what is longer ends in an ellipsis.
const LIMIT: usize = 64;

/// What stands for a character that our fonts do not have: of the boxes there are, the one that is as wide
/// in our font as shields.io takes it to be, so that it does not run into its neighbours.
const BOX: &str = "▯";

/// A text on a badge: at most 64 characters, without control characters, blanks single.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Text(String);

impl Text {
    /// Takes any text. What cannot stand in XML, and what would turn the text around it about, is
    /// left out.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let composed: String = text.nfc().collect();
        let words: Vec<String> = composed
            .split_whitespace()
            .map(|word| word.chars().filter(|c| !is_left_out(*c)).collect())
            .filter(|word: &String| !word.is_empty())
            .collect();
        let text = words.join(" ");
        if text.chars().count() <= LIMIT {
            return Self(text);
        }
        let mut cut = String::new();
        for cluster in text.graphemes(true) {
            if cut.chars().count() + cluster.chars().count() >= LIMIT {
                break;
            }
            cut.push_str(cluster);
        }
        Self(cut.trim_end().to_owned() + "…")
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, with one box for each character that our fonts do not have. Left alone, they would be
    /// drawn over one another.
    pub(super) fn drawable(&self) -> Self {
        let clusters = self.0.graphemes(true);
        Self(clusters.map(|cluster| if png::can_draw(cluster) { cluster } else { BOX }).collect())
    }
}

/// Whether a character has no place on a badge: control characters, those that XML 1.0 (section 2.2) does
/// not allow, and those that change the direction of the text around them (Unicode's `Bidi_Control`).
fn is_left_out(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{61c}')
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> String {
        Text::new(text).0
    }

    #[test]
    fn blanks_are_single_and_letters_composed() {
        assert_eq!(kept("  a \t\n b\u{3000}c "), "a b c");
        assert_eq!(kept("nai\u{308}ve"), "na\u{ef}ve");
        assert_eq!(kept(""), "");
    }

    #[test]
    fn what_cannot_be_drawn_is_left_out() {
        assert_eq!(kept("a\u{0}b\u{7}c\u{ffff}d"), "abcd");
        assert_eq!(kept("abc\u{202e}def \u{2066} g"), "abcdef g");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(kept(&"a".repeat(64)), "a".repeat(64));
        assert_eq!(kept(&"a".repeat(65)), "a".repeat(63) + "…");
        let flags = kept(&"🇩🇪".repeat(40));
        assert_eq!(flags, "🇩🇪".repeat(31) + "…");
    }

    #[test]
    fn each_character_that_the_fonts_lack_is_one_box() {
        for (text, drawn) in [
            ("Łódź – день ← ♥", "Łódź – день ← ♥"),
            ("alive ✔ 👨‍👩‍👧 ok", "alive ✔ ▯ ok"),
            ("最終 3 分前", "▯▯ 3 ▯▯"),
            ("🇩🇪❤️", "▯❤️"),
            ("לפני 3 דקות", "לפני 3 דקות"),
        ] {
            assert_eq!(Text::new(text).drawable().0, drawn);
        }
    }
}
