//! Recency: how much the age of the last beat means, in the steps that badges and pages have colors for.

use crate::settings::Precision;

/// Recency of the last beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Recency {
    /// No beat yet.
    Never,
    /// Under five minutes: in use.
    Now,
    /// Under an hour.
    Recent,
    /// Under a day.
    Today,
    /// Under 48 hours.
    Late,
    /// 48 hours or more: something is probably wrong.
    Lost,
}

impl Recency {
    /// Returns the recency of a last beat `seconds` ago.
    #[must_use]
    pub fn of(seconds: Option<i64>) -> Self {
        match seconds {
            None => Self::Never,
            Some(..300) => Self::Now,
            Some(300..3_600) => Self::Recent,
            Some(3_600..86_400) => Self::Today,
            Some(86_400..172_800) => Self::Late,
            Some(172_800..) => Self::Lost,
        }
    }

    /// Returns the recency of a last beat whose age of `seconds` is rounded up to steps of a precision: that of the least age
    /// that it may have, but none that the precision cannot tell. `assets/heartbeat.js` has the same function.
    #[must_use]
    pub fn within(seconds: Option<i64>, precision: Precision) -> Self {
        let Some(seconds) = seconds else { return Self::Never };
        let finest = match precision {
            Precision::Exact | Precision::Minute => Self::Now,
            Precision::Quarter | Precision::Hour => Self::Recent,
            Precision::Day | Precision::Week => Self::Today,
        };
        Self::of(Some(seconds - precision.seconds())).max(finest)
    }

    /// Returns the name in pages and style sheets.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Now => "now",
            Self::Recent => "recent",
            Self::Today => "today",
            Self::Late => "late",
            Self::Lost => "lost",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Recency::*, *};

    #[test]
    fn each_step_begins_where_the_last_one_ends() {
        assert_eq!(Recency::of(None), Never);
        for (seconds, step) in [
            (0, Now),
            (299, Now),
            (300, Recent),
            (3_599, Recent),
            (3_600, Today),
            (86_399, Today),
            (86_400, Late),
            (172_799, Late),
            (172_800, Lost),
        ] {
            assert_eq!(Recency::of(Some(seconds)), step, "{seconds}");
        }
    }

    #[test]
    fn a_coarse_age_means_no_more_than_it_tells() {
        for (precision, seconds, step) in [
            (Precision::Exact, 299, Now),
            (Precision::Minute, 60, Now),
            (Precision::Minute, 360, Recent),
            (Precision::Quarter, 900, Recent),
            (Precision::Hour, 0, Recent),
            (Precision::Hour, 3_600, Recent),
            (Precision::Hour, 7_200, Today),
            (Precision::Day, 86_400, Today),
            (Precision::Day, 172_800, Late),
            (Precision::Day, 259_200, Lost),
            (Precision::Week, 604_800, Today),
            (Precision::Week, 1_209_600, Lost),
        ] {
            assert_eq!(Recency::within(Some(seconds), precision), step, "{precision:?} {seconds}");
        }
        assert_eq!(Recency::within(None, Precision::Week), Never);
    }
}
