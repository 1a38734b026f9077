//! Text that others wrote, made safe to stand within ours, and cut to what services take.

use unicode_segmentation::UnicodeSegmentation;

/// What stands where a text was cut.
const ELLIPSIS: char = '…';

/// Cuts a text to at most `max` characters (Unicode scalar values), between what readers take for characters.
#[must_use]
pub fn cut_to_chars(text: &str, max: usize) -> String {
    cut(text, max, |part| part.chars().count(), 1)
}

/// Cuts a text to at most `max` bytes of UTF-8, between what readers take for characters.
#[must_use]
pub fn cut_to_bytes(text: &str, max: usize) -> String {
    cut(text, max, str::len, ELLIPSIS.len_utf8())
}

fn cut(text: &str, max: usize, size: fn(&str) -> usize, ellipsis: usize) -> String {
    if size(text) <= max {
        return text.to_owned();
    }
    let mut left = max.saturating_sub(ellipsis);
    let mut kept = String::new();
    for grapheme in text.graphemes(true) {
        let Some(rest) = left.checked_sub(size(grapheme)) else { break };
        left = rest;
        kept.push_str(grapheme);
    }
    if max >= ellipsis {
        kept.push(ELLIPSIS);
    }
    kept
}

/// Returns a name as it can stand within a sentence of ours: marks that change the direction of text are left out, and
/// where it is written from right to left it is isolated from what stands around it (UAX #9, section 2.4).
#[must_use]
pub fn name(name: &str) -> String {
    let plain: String = name.chars().filter(|c| !is_direction_mark(*c)).collect();
    if plain.chars().any(is_right_to_left) { format!("\u{2068}{plain}\u{2069}") } else { plain }
}

fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character is of the blocks that Unicode reserves for scripts from right to left.
fn is_right_to_left(c: char) -> bool {
    matches!(
        c,
        '\u{590}'..='\u{8ff}'
            | '\u{fb1d}'..='\u{fdff}'
            | '\u{fe70}'..='\u{feff}'
            | '\u{10800}'..='\u{10fff}'
            | '\u{1e800}'..='\u{1efff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        let family = "👩‍👩‍👧";
        assert_eq!(cut_to_chars("abcdef", 6), "abcdef");
        assert_eq!(cut_to_chars("abcdefg", 6), "abcde…");
        assert_eq!(cut_to_chars(&family.repeat(2), 6), format!("{family}…"));
        assert_eq!(cut_to_chars(&family.repeat(2), 5), "…");
        assert_eq!(cut_to_bytes("äöü", 6), "äöü");
        assert_eq!(cut_to_bytes("äöüß", 7), "äö…");
        assert_eq!(cut_to_bytes("äöüß", 2), "");
    }

    #[test]
    fn names_do_not_turn_the_text_around_them() {
        assert_eq!(name("Laptop"), "Laptop");
        assert_eq!(name("a\u{202e}b\u{2069}"), "ab");
        assert_eq!(name("מחשב"), "\u{2068}מחשב\u{2069}");
    }
}
