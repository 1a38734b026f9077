//! `install` and `uninstall`: the agent starts with the session, or no more.

use std::fs;

use crate::{autostart, config::Config, exit::Failure, files, lock, log, paths::Paths};

/// Makes one test beat, then makes the agent start with the session.
pub(super) fn install(paths: &Paths) -> Result<(), Failure> {
    refuse_sudo("install")?;
    let config = Config::load(&paths.config_file())?;
    let (client, token) = super::connect(&config)?;
    log::print(&super::once::accepted(client.beat(&token))?);
    for step in autostart::install(paths)? {
        log::print(&step);
    }
    let lock_file = paths.lock_file();
    if lock::is_held(&lock_file).map_err(|error| Failure::File(lock_file, error))? {
        log::print("The agent beats while you use this device. `heartbeat-agent status` says what it sees.");
    }
    Ok(())
}

/// Stops the agent and removes all its files, the configuration included.
pub(super) fn uninstall(paths: &Paths) -> Result<(), Failure> {
    refuse_sudo("uninstall")?;
    for step in autostart::uninstall(paths)? {
        log::print(&step);
    }
    for file in paths.files() {
        if files::remove(&file).map_err(|error| Failure::File(file.clone(), error))? {
            log::print(&format!("Removed {}", file.display()));
        }
    }
    for folder in paths.folders() {
        // Not empty if there are files in it that are not the agent's.
        let _ = fs::remove_dir(folder);
    }
    Ok(())
}

/// Refuses to work in root's session when another user asked for it through sudo.
#[cfg(unix)]
fn refuse_sudo(command: &str) -> Result<(), Failure> {
    let user = std::env::var("SUDO_USER").unwrap_or_default();
    if user.is_empty() || user == "root" || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "the agent belongs to the session of a user, not of root; run it as {user}, without sudo: \
         heartbeat-agent {command}"
    )))
}

/// There is no sudo.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
fn refuse_sudo(_: &str) -> Result<(), Failure> {
    Ok(())
}
