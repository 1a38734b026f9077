//! systemd's user manager, and XDG autostart for desktops without it. Where a session has both, the one that starts last
//! replaces the other (`run --replace`): it knows the display.
//!
//! - `environment`: where files belong, and whether there is a desktop.
//! - `program`: the path of this program.
//! - `unit`, `desktop_entry`: what is written; `changes`: writing it.
//! - `user_manager`: systemd's.
//! - `starting`: starting the agent now.

mod changes;
mod desktop_entry;
mod environment;
mod program;
mod starting;
mod unit;
mod user_manager;

use super::AutostartError;
use crate::{lock, paths::Paths};
use changes::{Changes, failed};
use environment::Environment;
use unit::Target;
use user_manager::UserManager;

/// Makes the agent start with the session, and starts it if there is one. Returns what it did, a line each. Running it
/// twice changes nothing.
pub(crate) fn install(paths: &Paths) -> Result<Vec<String>, AutostartError> {
    let environment = Environment::of_process()?;
    let program = program::path()?;
    let target = if environment.has_desktop() { Target::GraphicalSession } else { Target::Login };
    let manager = UserManager::reload();

    let mut changes = Changes::default();
    let has_new_unit =
        manager != UserManager::Missing && write_unit(&mut changes, &environment, &program, target)?;
    let entry = desktop_entry::file(&environment);
    if target == Target::GraphicalSession {
        changes.write(&entry, &desktop_entry::text(&program))?;
    } else {
        changes.remove(&entry, &environment)?;
    }
    let manager = if has_new_unit { UserManager::reload() } else { manager };

    let start = starting::Start { manager: &manager, target, environment: &environment, program: &program };
    changes.steps.extend(start.now(&paths.lock_file(), has_new_unit)?);
    if changes.steps.is_empty() {
        changes.steps.push("Nothing to change: the agent starts with your session already.".to_owned());
    }
    changes.steps.extend(start.limits());
    changes.steps.extend(program::warning(&program));
    Ok(changes.steps)
}

/// Writes the unit, if no package brings it, and makes `target` want it. Returns whether something changed.
fn write_unit(
    changes: &mut Changes,
    environment: &Environment,
    program: &str,
    target: Target,
) -> Result<bool, AutostartError> {
    let own = unit::file(environment);
    let packaged = unit::packaged(environment, program).map_err(failed(&own))?;
    let mut has_changed = match &packaged {
        Some(_) => changes.remove(&own, environment)?,
        None => changes.write(&own, &unit::text(program))?,
    };
    for other in Target::ALL {
        let link = other.link(environment);
        has_changed |= if other == target {
            changes.link(&link, packaged.as_ref().unwrap_or(&own))?
        } else {
            changes.remove(&link, environment)?
        };
    }
    Ok(has_changed)
}

/// Stops the agent and removes all that [`install`] wrote. Returns what it did, a line each.
pub(crate) fn uninstall(paths: &Paths) -> Result<Vec<String>, AutostartError> {
    let environment = Environment::of_process()?;
    let lock_file = paths.lock_file();
    let runs = lock::holder(&lock_file).map_err(failed(&lock_file))?;
    user_manager::stop();
    // One that a desktop or a shell started.
    lock::stop(&lock_file).map_err(failed(&lock_file))?;

    let mut changes = Changes::default();
    changes.steps.extend(runs.map(|process| format!("Stopped the agent, process {process}")));
    let links = Target::ALL.map(|target| target.link(&environment));
    for file in links.iter().chain([&unit::file(&environment), &desktop_entry::file(&environment)]) {
        changes.remove(file, &environment)?;
    }
    UserManager::reload();
    Ok(changes.steps)
}
