//! Progress display of commands: a bar on a terminal, lines at an interval elsewhere.

use std::time::Duration;

use heartbeat_core::progress::{Observer, Progress};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

/// Interval of lines where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(2);

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

    fn show(&mut self, progress: Progress) {
        if progress.step != self.step {
            self.bar.finish_and_clear();
            self.bar = bar(progress);
            self.step = progress.step;
        }
        self.bar.set_position(progress.done.unsigned_abs());
    }

    #[expect(clippy::print_stderr, reason = "output of a command-line program")]
    fn write(&mut self, progress: Progress) {
        let complete = progress.total == Some(progress.done);
        let due = self.written_at.is_none_or(|written_at| written_at.elapsed() >= LINE_INTERVAL);
        if progress.step != self.step || complete || due {
            eprintln!("{progress}");
            self.step = progress.step;
            self.written_at = Some(Instant::now());
        }
    }
}

/// Returns the bar of a step, or a spinner if the total is unknown.
fn bar(progress: Progress) -> ProgressBar {
    let (bar, template) = match progress.total {
        Some(total) => (
            ProgressBar::new(total.unsigned_abs()),
            "{msg} [{bar:40}] {human_pos} of {human_len}, {eta} to go",
        ),
        None if progress.done > 0 => (ProgressBar::no_length(), "{spinner} {msg}: {human_pos}"),
        None => (ProgressBar::no_length(), "{spinner} {msg}"),
    };
    let style = ProgressStyle::with_template(template).expect("a valid template").progress_chars("=> ");
    bar.with_style(style).with_message(progress.step)
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
