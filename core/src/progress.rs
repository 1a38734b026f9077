//! Progress of long commands.

use std::fmt;

use crate::humanize::grouped;

/// Progress of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Name of the step, such as "copying beats".
    pub step: &'static str,
    /// Number of rows that are done.
    pub done: i64,
    /// Number of rows in the step, if it is known beforehand.
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

/// Receiver of progress reports. It is called often, and must be fast.
pub trait Observer {
    /// Receives the next report.
    fn observe(&mut self, progress: Progress);
}

impl<F: FnMut(Progress)> Observer for F {
    fn observe(&mut self, progress: Progress) {
        self(progress);
    }
}
