//! How far a command is: a bar on a terminal, a line now and then elsewhere.

use std::time::Duration;

use heartbeat_core::progress::{Observer, Progress};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

/// How often a line is written where there is no terminal.
const LINE_PERIOD: Duration = Duration::from_secs(2);

/// Shows progress on standard error.
pub(crate) struct Display {
    bar: ProgressBar,
    step: &'static str,
    written_at: Option<Instant>,
}

impl Display {
    pub(crate) fn new() -> Self {
        Self { bar: ProgressBar::no_length(), step: "", written_at: None }
    }

    fn show(&self, progress: Progress) {
        let template = match progress.total {
            Some(_) => "{msg} [{bar:40}] {human_pos} of {human_len}, {eta} to go",
            None if progress.done > 0 => "{spinner} {msg}: {human_pos}",
            None => "{spinner} {msg}",
        };
        let style = ProgressStyle::with_template(template).expect("a sound template");
        self.bar.set_style(style.progress_chars("=> "));
        self.bar.set_message(progress.step);
        match progress.total {
            Some(total) => self.bar.set_length(total.unsigned_abs()),
            None => self.bar.unset_length(),
        }
        self.bar.set_position(progress.done.unsigned_abs());
    }

    #[expect(clippy::print_stderr, reason = "talks to the one who started it")]
    fn write(&mut self, progress: Progress) {
        let complete = progress.total == Some(progress.done);
        let late = self.written_at.is_none_or(|written_at| written_at.elapsed() >= LINE_PERIOD);
        if progress.step != self.step || complete || late {
            eprintln!("{progress}");
            self.step = progress.step;
            self.written_at = Some(Instant::now());
        }
    }
}

impl Observer for Display {
    fn observe(&mut self, progress: Progress) {
        if self.bar.is_hidden() {
            self.write(progress);
        } else {
            self.show(progress);
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
