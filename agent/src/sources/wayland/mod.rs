//! Input at a Wayland compositor, by its idle notifications: `ext_idle_notify_v1` (sway from 1.8, KWin from 5.27, labwc,
//! COSMIC) or `org_kde_kwin_idle`, which came before it (sway 1.7, KWin).
//!
//! - `socket`: which sockets may be a compositor's.
//! - `compositor`: a connection, and the thread that reads it.
//! - `state`: what is shared with that thread: globals, seats, notifications.
//! - `timers`: what the notifications of a seat tell, a pure rule.

mod compositor;
mod socket;
mod state;
#[cfg(test)]
mod tests;
mod timers;

use std::time::Duration;

use super::{InputState, Source, Unavailable};
use crate::{clock::Moment, rule::SLEPT_MIN, wake::Waker};
use compositor::Compositor;
pub(super) use socket::is_wayland_session;
pub(super) use state::Protocol;

/// Notifications of a compositor.
#[derive(Debug)]
pub(super) struct Wayland {
    compositor: Compositor,
    /// Time asleep when the timers began.
    asleep: Duration,
    is_settled: bool,
}

impl Wayland {
    /// Finds the compositor of this session, and asks it for notifications by `protocol`.
    pub(super) fn open(protocol: Protocol, waker: &Waker) -> Result<Self, Unavailable> {
        Self::watch(Compositor::find(waker)?, protocol)
    }

    fn watch(compositor: Compositor, protocol: Protocol) -> Result<Self, Unavailable> {
        compositor.watch(protocol)?;
        Ok(Self { compositor, asleep: Moment::now().asleep, is_settled: false })
    }
}

impl Source for Wayland {
    fn input_state(&mut self, now: Moment) -> Result<InputState, Unavailable> {
        if now.asleep.saturating_sub(self.asleep) >= SLEPT_MIN {
            // A timer that was not idle before the sleep is not idle after it, whether the user came back or not.
            self.asleep = now.asleep;
            self.compositor.restart_timers();
        }
        // Silence means input to a timer that is not idle. So it must be the silence of a compositor that is alive.
        self.compositor.ask()?;
        let (activity, is_settled) = self.compositor.input_state(now.awake);
        self.is_settled = is_settled;
        Ok(activity)
    }

    fn wakes(&self) -> bool {
        // New timers begin to mean something by time alone, which wakes no thread.
        self.is_settled
    }
}
