//! Timeline: the line on `/` with a dot for each device at the time of its last beat. Now is on the right, a week ago
//! on the left; the scale is logarithmic, so recent beats have more room. `assets/heartbeat.js` has the same function.

use std::borrow::Cow;

/// Age at the left end of the line, in seconds: a week.
const MAX_AGE_SECONDS: f64 = 604_800.0;

/// Age, in seconds, below which the scale is about linear, and above which it is logarithmic.
const LINEAR_SECONDS: f64 = 30.0;

/// Labeled ticks below the line, with the age in seconds.
pub(crate) const TICKS: [(&str, i64); 7] = [
    ("now", 0),
    ("1 min", 60),
    ("10 min", 600),
    ("1 hr", 3_600),
    ("6 hr", 21_600),
    ("1 day", 86_400),
    ("1 week", 604_800),
];

/// Longest name, in characters, that is shown at a dot. The list of devices has the whole name.
const NAME_MAX_CHARS: usize = 24;

/// Returns the position of an age on the line, in percent of its length from the left.
pub(crate) fn position(seconds: i64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "all ages beyond a week have the same position")]
    let age = (seconds.max(0) as f64).min(MAX_AGE_SECONDS);
    format!(
        "{:.2}",
        100.0 * (1.0 - (age / LINEAR_SECONDS).ln_1p() / (MAX_AGE_SECONDS / LINEAR_SECONDS).ln_1p())
    )
}

/// Whether an age is in the right half of the line. Names at dots begin or end there, so that they stay on the page.
pub(crate) fn is_in_right_half(seconds: i64) -> bool {
    position(seconds).parse().is_ok_and(|percent: f64| percent > 50.0)
}

/// Returns a name as it is shown at a dot.
pub(crate) fn short(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(NAME_MAX_CHARS) {
        Some(_) => name.chars().take(NAME_MAX_CHARS - 1).chain(['…']).collect(),
        None => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{is_in_right_half, position, short};

    #[test]
    fn names_at_dots_are_short_and_stay_on_the_page() {
        assert_eq!(short("Laptop"), "Laptop");
        assert_eq!(short(&"W".repeat(24)), "W".repeat(24));
        assert_eq!(short(&"📱".repeat(25)), "📱".repeat(23) + "…");
        assert_eq!([0, 3_600, 86_400, 604_800].map(is_in_right_half), [true, true, false, false]);
    }

    #[test]
    fn now_is_on_the_right_and_a_week_ago_on_the_left() {
        let positions = [-1, 0, 60, 3_600, 86_400, 604_800, i64::MAX].map(position);
        assert_eq!(positions, ["100.00", "100.00", "88.92", "51.61", "19.63", "0.00", "0.00"]);
    }
}
