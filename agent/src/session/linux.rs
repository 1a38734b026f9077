//! What logind and the desktops tell on D-Bus.

use super::SessionState;
use crate::wake::Waker;

/// Watches the session.
#[derive(Debug)]
pub(crate) struct Session {
    _waker: Waker,
}

impl Session {
    /// Starts to watch. `waker` wakes the agent when something changes.
    pub(crate) fn watch(waker: Waker) -> Self {
        Self { _waker: waker }
    }

    /// Returns what is known now.
    pub(crate) fn state(&mut self) -> SessionState {
        SessionState::default()
    }

    /// Whether a video or a call keeps the screen on, where the system tells.
    pub(crate) fn is_kept_on(&mut self) -> bool {
        false
    }
}
