//! Recency: how much the age of the last beat means, in the steps that badges and pages have colors for.

/// Recency of the last beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
}
