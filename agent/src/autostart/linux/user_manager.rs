//! systemd's user manager, asked through `systemctl --user`.

use std::{
    io,
    process::{Command, Output},
};

use super::{AutostartError, unit};

/// Whether there is a user manager.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum UserManager {
    /// It answers.
    Running,
    /// systemd is installed, but no manager answers, such as after `su`, and why.
    Silent(String),
    /// systemd is not installed.
    Missing,
}

impl UserManager {
    /// Makes the manager read the units anew, and returns whether there is one.
    pub(super) fn reload() -> Self {
        match systemctl(&["daemon-reload"]) {
            Ok(output) if output.status.success() => Self::Running,
            Ok(output) => Self::Silent(first_line(&output)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::Missing,
            Err(error) => Self::Silent(error.to_string()),
        }
    }

    /// Whether it has started a desktop.
    pub(super) fn has_graphical_session(&self) -> bool {
        *self == Self::Running
            && systemctl(&["is-active", "--quiet", "graphical-session.target"])
                .is_ok_and(|output| output.status.success())
    }
}

/// Starts the unit, anew if it runs.
pub(super) fn restart() -> Result<(), AutostartError> {
    run(&["restart", unit::NAME])
}

/// Stops the unit, and forgets that it may have failed. Where no manager answers, there is none to stop.
pub(super) fn stop() {
    for verb in ["stop", "reset-failed"] {
        let _ = systemctl(&[verb, unit::NAME]);
    }
}

fn run(arguments: &[&str]) -> Result<(), AutostartError> {
    let failed = |why| AutostartError::Systemctl(arguments.join(" "), why);
    let output = systemctl(arguments).map_err(|error| failed(error.to_string()))?;
    if output.status.success() { Ok(()) } else { Err(failed(first_line(&output))) }
}

fn systemctl(arguments: &[&str]) -> io::Result<Output> {
    Command::new("systemctl").arg("--user").args(arguments).output()
}

fn first_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().next().map_or_else(|| output.status.to_string(), str::to_owned)
}
