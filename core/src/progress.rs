//! How far a long piece of work is.

use std::fmt;

use crate::humanize::grouped;

/// What is being done, and how much of it was done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done, as in "copying beats".
    pub step: &'static str,
    /// Rows done so far in this step.
    pub done: i64,
    /// Rows of the step, if they are known beforehand.
    pub total: Option<i64>,
}

impl fmt::Display for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.total {
            Some(total) => {
                write!(formatter, "{}: {} of {}", self.step, grouped(self.done), grouped(total))
            }
            None if self.done > 0 => write!(formatter, "{}: {}", self.step, grouped(self.done)),
            None => formatter.write_str(self.step),
        }
    }
}

/// Somebody who is told how far the work is, often.
pub trait Observer {
    /// Hears of the next bit of progress.
    fn observe(&mut self, progress: Progress);
}

impl<F: FnMut(Progress)> Observer for F {
    fn observe(&mut self, progress: Progress) {
        self(progress);
    }
}
