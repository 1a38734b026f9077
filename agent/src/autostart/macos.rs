//! A launchd agent of the user's own.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    AutostartError,
    plist::{LABEL, plist},
};
use crate::{files, lock, paths::Paths};

/// Makes the agent start with the session, and starts it. Returns what it did, a line each. Running it twice changes
/// nothing.
pub(crate) fn install(paths: &Paths) -> Result<Vec<String>, AutostartError> {
    let file = launch_agent();
    let program = super::program()?;
    let wanted = plist(&program.display().to_string());
    let is_written = fs::read_to_string(&file).is_ok_and(|present| present == wanted);
    if is_written && is_loaded() {
        return Ok(vec![format!("{} is there, and launchd knows it", file.display())]);
    }
    unload(paths)?;
    write(&file, &wanted)?;
    launchctl(&["bootstrap", &domain(), &file.display().to_string()])?;
    Ok(vec![format!("Wrote {}", file.display()), "Started the agent".to_owned()])
}

/// Stops the agent and removes all that [`install`] wrote. Returns what it did, a line each.
pub(crate) fn uninstall(paths: &Paths) -> Result<Vec<String>, AutostartError> {
    let file = launch_agent();
    let mut steps = Vec::new();
    if unload(paths)? {
        steps.push("Stopped the agent".to_owned());
    }
    if files::remove(&file).map_err(|error| AutostartError::File(file.clone(), error))? {
        steps.push(format!("Removed {}", file.display()));
    }
    Ok(steps)
}

/// Path of the property list.
fn launch_agent() -> PathBuf {
    // `Paths` has seen that there is one.
    let home = env::home_dir().unwrap_or_default();
    home.join("Library/LaunchAgents").join(format!("{LABEL}.plist"))
}

/// Writes the property list, which holds no secret: launchd wants to read it.
fn write(file: &Path, text: &str) -> Result<(), AutostartError> {
    let folder = file.parent().map_or(Ok(()), fs::create_dir_all);
    folder.and_then(|()| fs::write(file, text)).map_err(|error| AutostartError::File(file.to_owned(), error))
}

/// Stops the agent, and makes launchd forget it; returns whether it knew it.
fn unload(paths: &Paths) -> Result<bool, AutostartError> {
    let is_loaded = is_loaded();
    if is_loaded {
        launchctl(&["bootout", &format!("{}/{LABEL}", domain())])?;
        // `launchctl` returns before the agent has ended; until then, launchd takes no other.
        let lock_file = paths.lock_file();
        lock::wait_for_end(&lock_file).map_err(|error| AutostartError::File(lock_file, error))?;
    }
    Ok(is_loaded)
}

fn is_loaded() -> bool {
    let service = format!("{}/{LABEL}", domain());
    let status = Command::new("launchctl")
        .args(["print", &service])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// The user's session with a screen, to launchd.
fn domain() -> String {
    format!("gui/{}", rustix::process::getuid().as_raw())
}

fn launchctl(arguments: &[&str]) -> Result<(), AutostartError> {
    let failed = |error: io::Error| AutostartError::Command(format!("launchctl {}", arguments[0]), error);
    let output = Command::new("launchctl").args(arguments).output().map_err(failed)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(failed(io::Error::other(said)))
}
