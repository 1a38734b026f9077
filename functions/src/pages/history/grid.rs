//! Cells of grids: how much of a day or an hour was in use, in five steps.

/// How much is in use, in fixed steps: measured against the most, one long day would fade the year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    None,
    Little,
    Some,
    Much,
    Most,
}

impl Level {
    /// Returns the step of a time in use, where each begins at one of three bounds.
    pub(super) fn of(minutes: i64, bounds: [i64; 3]) -> Self {
        let [some, much, most] = bounds;
        match minutes {
            ..=0 => Self::None,
            minutes if minutes < some => Self::Little,
            minutes if minutes < much => Self::Some,
            minutes if minutes < most => Self::Much,
            _ => Self::Most,
        }
    }

    /// Returns the class that style sheets know it by.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::None => "l0",
            Self::Little => "l1",
            Self::Some => "l2",
            Self::Much => "l3",
            Self::Most => "l4",
        }
    }
}

/// A cell of a grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    /// The class that style sheets know it by.
    pub(super) class: &'static str,
    /// The time in use, for those who hear it; nothing where nothing is known.
    pub(super) words: String,
}

impl Cell {
    pub(super) fn new(level: Level, words: String) -> Self {
        Self { class: level.class(), words }
    }

    /// A cell of a time of which nothing is known.
    pub(super) fn unknown(class: &'static str) -> Self {
        Self { class, words: String::new() }
    }
}

/// A row of a grid: a day of the week.
#[derive(Debug)]
pub(super) struct Row {
    /// Its name, as it is read and heard.
    pub(super) name: String,
    pub(super) heard_name: String,
    pub(super) cells: Vec<Cell>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_begin_at_their_bounds() {
        let levels =
            [0, 1, 59, 60, 179, 180, 359, 360, 1_500].map(|it| Level::of(it, [60, 180, 360]).class());
        assert_eq!(levels, ["l0", "l1", "l1", "l2", "l2", "l3", "l3", "l4", "l4"]);
    }
}
