//! What logind and the desktops tell on D-Bus. Threads hear the signals; the agent's own thread reads what they know.
//!
//! - `logind`: lock, sleep, and which session has the screen. Its `IdleHint` is never used: few desktops set it.
//! - `screen_saver`: whether a screen saver or a lock screen is shown.
//! - `inhibitors`: whether a video or a call keeps the screen on.

mod inhibitors;
mod logind;
mod screen_saver;

use std::sync::{Arc, Mutex, PoisonError};

use super::SessionState;
use crate::{clock::Awake, dbus, wake::Waker};
use logind::Logind;
use screen_saver::ScreenSavers;

/// Watches the session.
#[derive(Debug)]
pub(crate) struct Session {
    known: Known,
}

/// What the threads know, shared with the agent's own.
#[derive(Debug, Clone)]
struct Known {
    facts: Arc<Mutex<Facts>>,
    waker: Waker,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Facts {
    /// Whether this session has the screen, as logind says.
    active: Option<bool>,
    /// Whether it is locked, as logind says.
    locked: Option<bool>,
    falling_asleep: bool,
    woke_up: Option<Awake>,
    /// Screen savers, and whether each is shown.
    screen_savers: Vec<(&'static str, bool)>,
    /// Why logind says nothing.
    no_logind: Option<String>,
    /// Why no screen saver can be asked.
    no_session_bus: Option<String>,
}

impl Session {
    /// Starts to watch. `waker` wakes the agent when something changes.
    pub(crate) fn watch(waker: Waker) -> Self {
        let known = Known { facts: Arc::default(), waker };
        dbus::SYSTEM.listen(Logind::new(known.clone()));
        dbus::SESSION.listen(ScreenSavers::new(known.clone()));
        Self { known }
    }

    /// Returns what is known now.
    pub(crate) fn state(&mut self) -> SessionState {
        self.known.facts().state()
    }

    /// Whether a video or a call keeps the screen on, where the system tells.
    #[expect(clippy::unused_self, reason = "the same on all platforms")]
    pub(crate) fn is_kept_on(&mut self) -> bool {
        inhibitors::keep_screen_on()
    }
}

impl Known {
    fn facts(&self) -> Facts {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what changed, and wakes the agent if anything did.
    fn note(&self, change: impl FnOnce(&mut Facts)) {
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        let before = facts.clone();
        change(&mut facts);
        if *facts != before {
            self.waker.wake();
        }
    }
}

impl Facts {
    fn state(self) -> SessionState {
        let shown = self.screen_savers.iter().find(|(_, is_shown)| *is_shown).map(|(name, _)| *name);
        let locked_by = if self.locked == Some(true) { Some("logind") } else { shown };
        let is_known = self.locked.is_some() || !self.screen_savers.is_empty();
        SessionState {
            locked: is_known.then_some(locked_by.is_some()),
            locked_by: locked_by.map(str::to_owned),
            active: self.active,
            falling_asleep: self.falling_asleep,
            woke_up: self.woke_up,
            unknown: [self.no_logind, self.no_session_bus].into_iter().flatten().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the screen is locked, and what says so.
    fn lock(facts: Facts) -> (Option<bool>, Option<String>) {
        let state = facts.state();
        (state.locked, state.locked_by)
    }

    #[test]
    fn the_screen_is_locked_if_anything_says_so() {
        let saver = "org.gnome.ScreenSaver";
        let by = |name: &str| (Some(true), Some(name.to_owned()));
        let facts = |locked, screen_savers| Facts { locked, screen_savers, ..Facts::default() };
        assert_eq!(lock(facts(None, vec![])), (None, None));
        assert_eq!(lock(facts(Some(false), vec![])), (Some(false), None));
        assert_eq!(lock(facts(None, vec![(saver, false)])), (Some(false), None));
        assert_eq!(lock(facts(Some(true), vec![(saver, false)])), by("logind"));
        assert_eq!(
            lock(facts(Some(false), vec![("org.freedesktop.ScreenSaver", false), (saver, true)])),
            by(saver)
        );
    }
}
