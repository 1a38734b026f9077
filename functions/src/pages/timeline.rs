//! The line on the page on which each device stands at the time of its last beat: now is on the right, a
//! week ago on the left, and the closer to now, the more room there is. `assets/heartbeat.js` counts alike.

/// Where the line ends, in seconds.
const END: f64 = 604_800.0;

/// The age, in seconds, below which the line is about even, and above which it shrinks.
const BEND: f64 = 30.0;

/// What is written below the line, with the age in seconds.
pub(crate) const MARKS: [(&str, i64); 7] = [
    ("now", 0),
    ("1 min", 60),
    ("10 min", 600),
    ("1 hr", 3_600),
    ("6 hr", 21_600),
    ("1 day", 86_400),
    ("2 days", 172_800),
];

/// The place on the line of what was `seconds` ago, in percent of its length from the left.
pub(crate) fn place(seconds: i64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "beyond a week all is the same place")]
    let age = (seconds.max(0) as f64).min(END);
    format!("{:.2}", 100.0 * (1.0 - (age / BEND).ln_1p() / (END / BEND).ln_1p()))
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn now_is_on_the_right_and_a_week_ago_on_the_left() {
        let places = [-1, 0, 60, 3_600, 86_400, 604_800, i64::MAX].map(place);
        assert_eq!(places, ["100.00", "100.00", "88.92", "51.61", "19.63", "0.00", "0.00"]);
    }
}
