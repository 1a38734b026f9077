//! Numbers in paths and queries.

use std::{fmt::Display, str::FromStr};

/// Parses a number in its canonical spelling, so that each has one URL. Any other text is no number: `+1`, `01`, ` 1`.
pub(crate) fn canonical_number<T: FromStr + Display>(text: &str) -> Option<T> {
    let number: T = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::canonical_number;

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!(canonical_number("0"), Some(0_i64));
        assert_eq!(canonical_number("9223372036854775807"), Some(i64::MAX));
        for text in ["", "+1", "01", "-0", " 1", "1.0", "1e3", "one", "9223372036854775808"] {
            assert_eq!(canonical_number::<i64>(text), None, "{text}");
        }
    }
}
