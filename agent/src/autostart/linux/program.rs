//! The program that is to be started: this one, where it is now.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use super::AutostartError;

/// Folders whose files do not last.
const TEMPORARY: [&str; 4] = ["/tmp", "/var/tmp", "/run", "/dev/shm"];

/// File that marks a folder which can be made anew at any time, such as that of a compiler (the Cache Directory Tagging
/// Specification).
const CACHE_MARK: &str = "CACHEDIR.TAG";

/// Returns the path of this program, which files of systemd and of desktops can name.
pub(super) fn path() -> Result<String, AutostartError> {
    let path = env::current_exe().map_err(AutostartError::Program)?;
    match path.to_str() {
        // Neither kind of file can hold other characters.
        Some(text) if !text.contains(char::is_control) => Ok(text.to_owned()),
        _ => Err(AutostartError::UnusablePath(path)),
    }
}

/// Says that the program may vanish, if it may.
pub(super) fn warning(program: &str) -> Option<String> {
    let mut folders = Path::new(program).ancestors().skip(1);
    let temporary = env::temp_dir();
    let is_temporary =
        |folder: &Path| folder == temporary || TEMPORARY.iter().any(|other| folder == Path::new(other));
    let why = folders.find_map(|folder| {
        let folder_is = |what: &str| Some(format!("{} is a folder {what}", folder.display()));
        if is_temporary(folder) {
            folder_is("of temporary files")
        } else if folder.join(CACHE_MARK).exists() {
            folder_is("that may be emptied at any time")
        } else {
            None
        }
    })?;
    Some(format!(
        "Careful: {program} may vanish, as {why}. Move the program, for example to ~/.local/bin, and run \
         `heartbeat-agent install` there."
    ))
}

/// Whether the process is one of this very program, and not of an older file that was replaced since.
pub(super) fn is_of(process: u32, program: &str) -> bool {
    fs::read_link(format!("/proc/{process}/exe")).is_ok_and(|path: PathBuf| path == Path::new(program))
}
