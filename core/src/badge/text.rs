//! Label and message of a badge, limited to text that can be drawn.

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use super::fonts;

/// Maximum length of a text, in characters; longer ones end in an ellipsis.
const TEXT_MAX_CHARS: usize = 64;

/// Replacement for a character that the fonts lack: of all box characters, the one that is as wide in our font as
/// shields.io assumes, so that it does not run into its neighbors.
const REPLACEMENT: &str = "▯";

/// A text on a badge: at most 64 characters, without control characters, with single spaces.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Text(String);

impl Text {
    /// Cleans any text up: drops characters that XML does not allow, and those that change the direction of the
    /// text around them.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let composed: String = text.nfc().collect();
        let words: Vec<String> = composed
            .split_whitespace()
            .map(|word| word.chars().filter(|c| !is_dropped(*c)).collect())
            .filter(|word: &String| !word.is_empty())
            .collect();
        let text = words.join(" ");
        if text.chars().count() <= TEXT_MAX_CHARS {
            return Self(text);
        }
        let mut cut = String::new();
        for cluster in text.graphemes(true) {
            if cut.chars().count() + cluster.chars().count() >= TEXT_MAX_CHARS {
                break;
            }
            cut.push_str(cluster);
        }
        Self(cut.trim_end().to_owned() + "…")
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the text with one box for each character that the fonts lack. Without it, such characters would be
    /// drawn over one another.
    pub(super) fn drawable(&self) -> Self {
        let clusters = self.0.graphemes(true);
        Self(clusters.map(|cluster| if fonts::can_draw(cluster) { cluster } else { REPLACEMENT }).collect())
    }
}

/// Whether a character is dropped: control characters, those that XML 1.0 (section 2.2) does not allow, and those
/// that change the direction of the text around them (Unicode's `Bidi_Control`).
fn is_dropped(c: char) -> bool {
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
            // Characters that Unicode does not have yet, so that no system has them. The second line is one pictograph.
            ("alive ✔ \u{378}\u{379} ok", "alive ✔ ▯▯ ok"),
            ("\u{1fffd}\u{200d}\u{1fffd}❤️", "▯❤️"),
            ("לפני 3 דקות", "לפני 3 דקות"),
        ] {
            assert_eq!(Text::new(text).drawable().0, drawn);
        }
    }
}
