//! The user's own list of programs that start with the session, in the registry: no administrator is needed. A service
//! would be in another session, where it sees no input.

use std::{
    fmt::Display,
    fs::File,
    io,
    os::windows::ffi::OsStrExt,
    path::Path,
    process::{Command, Stdio},
    ptr,
};

use windows_registry::CURRENT_USER;
use windows_sys::Win32::UI::{Shell::ShellExecuteW, WindowsAndMessaging::SW_HIDE};

use super::AutostartError;
use crate::{lock, paths::Paths, report::Report};

/// Key with a value for each program that starts with the session.
const RUN: &str = r"Software\Microsoft\Windows\CurrentVersion\Run";

/// Key in which Windows keeps which of them the user has switched off.
const SWITCHED_OFF: &str = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run";

/// Name of the values.
const NAME: &str = "Heartbeat";

/// Program that starts the agent without a window, beside the agent's own.
const BACKGROUND: &str = "heartbeat-agent-background.exe";

/// Makes the agent start with the session, and starts it. Returns what it did, a line each. Running it twice changes
/// nothing.
pub(crate) fn install(paths: &Paths) -> Result<Vec<String>, AutostartError> {
    let starter = super::program()?.with_file_name(BACKGROUND);
    if !starter.is_file() {
        return Err(AutostartError::Missing(starter));
    }
    let line = format!("\"{}\"", starter.display());
    let mut steps = Vec::new();
    let run = CURRENT_USER.create(RUN).map_err(|error| registry(&error))?;
    if run.get_string(NAME).is_ok_and(|present| present == line) {
        steps.push(format!(r"HKCU\{RUN}\{NAME} is there"));
    } else {
        run.set_string(NAME, &line).map_err(|error| registry(&error))?;
        steps.push(format!(r"Wrote HKCU\{RUN}\{NAME} = {line}"));
    }
    remove_value(SWITCHED_OFF)?;
    if runs(paths)? {
        steps.push("The agent runs".to_owned());
    } else {
        start(&starter)?;
        steps.push("Started the agent".to_owned());
    }
    Ok(steps)
}

/// Starts a program that inherits nothing. With Rust's own `Command` it would hold this program's standard output open,
/// and a caller that reads it to its end would wait for ever.
#[expect(unsafe_code, reason = "there are only C functions for this")]
fn start(program: &Path) -> Result<(), AutostartError> {
    let path: Vec<u16> = program.as_os_str().encode_wide().chain([0]).collect();
    let (none, no_window) = (ptr::null(), ptr::null_mut());
    // SAFETY: the path ends with zero and is valid for the call; all else may be left out.
    let code = unsafe { ShellExecuteW(no_window, none, path.as_ptr(), none, none, SW_HIDE) };
    // No handle: larger than 32 means that it worked.
    if code as usize > 32 {
        return Ok(());
    }
    Err(AutostartError::File(program.to_owned(), io::Error::last_os_error()))
}

/// Stops the agent and removes all that [`install`] wrote. Returns what it did, a line each.
pub(crate) fn uninstall(paths: &Paths) -> Result<Vec<String>, AutostartError> {
    let mut steps = Vec::new();
    if remove_value(RUN)? {
        steps.push(format!(r"Removed HKCU\{RUN}\{NAME}"));
    }
    remove_value(SWITCHED_OFF)?;
    if runs(paths)? {
        stop(paths)?;
        steps.push("Stopped the agent".to_owned());
    }
    Ok(steps)
}

/// Whether an agent runs.
fn runs(paths: &Paths) -> Result<bool, AutostartError> {
    let file = paths.lock_file();
    lock::is_held(&file).map_err(|error| AutostartError::File(file, error))
}

/// Stops the running agent, and waits for its end: files that it has open could not be removed.
fn stop(paths: &Paths) -> Result<(), AutostartError> {
    let failed = |error| AutostartError::Command("taskkill".to_owned(), error);
    let report = Report::read(&paths.report_file());
    let report =
        report.ok_or_else(|| AutostartError::File(paths.report_file(), io::ErrorKind::NotFound.into()))?;
    let mut kill = Command::new("taskkill");
    kill.args(["/F", "/PID", &report.pid.to_string()]).stdin(Stdio::null()).stdout(Stdio::null());
    let status = kill.status().map_err(failed)?;
    if !status.success() {
        return Err(failed(io::Error::other(status.to_string())));
    }
    let lock = paths.lock_file();
    let released = File::options().write(true).open(&lock).and_then(|file| file.lock());
    released.map_err(|error| AutostartError::File(lock, error))
}

/// Removes the agent's value from `key`; returns whether there was one.
fn remove_value(key: &str) -> Result<bool, AutostartError> {
    let Ok(key) = CURRENT_USER.options().read().write().open(key) else { return Ok(false) };
    if key.get_value(NAME).is_err() {
        return Ok(false);
    }
    key.remove_value(NAME).map_err(|error| registry(&error))?;
    Ok(true)
}

fn registry(error: &impl Display) -> AutostartError {
    AutostartError::Command("registry".to_owned(), io::Error::other(error.to_string()))
}
