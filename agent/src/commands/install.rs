//! `install` and `uninstall`: the agent starts with the session, or no more.

use std::fs;

use crate::{autostart, config::Config, exit::Failure, files, log, paths::Paths};

/// Makes one test beat, then makes the agent start with the session.
pub(super) fn install(paths: &Paths) -> Result<(), Failure> {
    let config = Config::load(&paths.config_file())?;
    let (client, token) = super::connect(&config)?;
    log::print(&super::once::accepted(client.beat(&token))?);
    for step in autostart::install()? {
        log::print(&step);
    }
    log::print("The agent beats while you use this device. `heartbeat-agent status` says what it sees.");
    Ok(())
}

/// Stops the agent and removes all its files, the configuration included.
pub(super) fn uninstall(paths: &Paths) -> Result<(), Failure> {
    for step in autostart::uninstall()? {
        log::print(&step);
    }
    for file in [paths.config_file(), paths.pause_file(), paths.report_file(), paths.lock_file()] {
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
