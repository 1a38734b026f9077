//! Changes of files, each told in a line.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use super::{AutostartError, environment::Environment, unit};
use crate::files::{self, Durability};

/// Changes that were made.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// A line for each.
    pub(super) steps: Vec<String>,
}

impl Changes {
    /// Writes a file, unless it has this content; returns whether it changed.
    pub(super) fn write(&mut self, file: &Path, text: &str) -> Result<bool, AutostartError> {
        if fs::read_to_string(file).is_ok_and(|found| found == text) {
            return Ok(false);
        }
        files::write_private(file, text, Durability::Durable).map_err(failed(file))?;
        self.steps.push(format!("Wrote {}", file.display()));
        Ok(true)
    }

    /// Links `link` to `unit`, unless it is; returns whether it changed.
    pub(super) fn link(&mut self, link: &Path, unit: &Path) -> Result<bool, AutostartError> {
        if unit::is_linked(link, unit) {
            return Ok(false);
        }
        files::remove(link).map_err(failed(link))?;
        files::create_private_folder(link).map_err(failed(link))?;
        symlink(unit, link).map_err(failed(link))?;
        self.steps.push(format!("Linked {} to {}", link.display(), unit.display()));
        Ok(true)
    }

    /// Removes a file, and the folders that it leaves empty; returns whether there was one.
    pub(super) fn remove(&mut self, file: &Path, environment: &Environment) -> Result<bool, AutostartError> {
        if !files::remove(file).map_err(failed(file))? {
            return Ok(false);
        }
        self.steps.push(format!("Removed {}", file.display()));
        let folder = file.parent().into_iter();
        for folder in folder.flat_map(|folder| files::folders_within(Some(environment.home()), folder)) {
            if fs::remove_dir(folder).is_err() {
                // Not empty: there are files in it that are not the agent's.
                break;
            }
        }
        Ok(true)
    }
}

/// Returns what makes an error of one about `path`.
pub(super) fn failed(path: &Path) -> impl FnOnce(io::Error) -> AutostartError {
    let path = PathBuf::from(path);
    |error| AutostartError::File(path, error)
}
