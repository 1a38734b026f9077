//! systemd's user manager, and XDG autostart for desktops without it.

use super::AutostartError;

/// Makes the agent start with the session, and starts it. Returns what it did, a line each. Running it twice changes
/// nothing.
#[expect(clippy::unnecessary_wraps, reason = "it will write files")]
pub(crate) fn install() -> Result<Vec<String>, AutostartError> {
    Ok(Vec::new())
}

/// Stops the agent and removes all that [`install`] wrote. Returns what it did, a line each.
#[expect(clippy::unnecessary_wraps, reason = "it will remove files")]
pub(crate) fn uninstall() -> Result<Vec<String>, AutostartError> {
    Ok(Vec::new())
}
