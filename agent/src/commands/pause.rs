//! `pause WHEN`: no beats for a while.

use chrono::Local;

use crate::{clock::Moment, exit::Failure, log, paths::Paths, pause, reason::local_time};

/// Pauses the agent, or ends the pause.
pub(super) fn pause(paths: &Paths, when: &[String]) -> Result<(), Failure> {
    let now = chrono::DateTime::from_timestamp(Moment::now().unix, 0).unwrap_or_default();
    let until =
        pause::end(when, &now.with_timezone(&Local)).map_err(|error| Failure::Usage(error.to_string()))?;
    let file = paths.pause_file();
    pause::save(&file, until).map_err(|error| Failure::File(file, error))?;
    log::print(&match until {
        Some(until) => format!("Paused until {}.", local_time(until)),
        None => "Not paused.".to_owned(),
    });
    Ok(())
}
