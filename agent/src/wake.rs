//! Waking the agent: sources that hear of input by themselves say so here.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    time::Duration,
};

/// Handle that wakes the agent. Clones wake the same one.
#[derive(Debug, Clone)]
pub(crate) struct Waker(SyncSender<()>);

/// Where the agent sleeps.
#[derive(Debug)]
pub(crate) struct Sleep(Receiver<()>);

/// Returns a handle, and what it wakes.
pub(crate) fn channel() -> (Waker, Sleep) {
    // One is enough: the agent looks at everything each time.
    let (sender, receiver) = sync_channel(1);
    (Waker(sender), Sleep(receiver))
}

impl Waker {
    /// Wakes the agent, now or when it next sleeps.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "sources there do not wake the agent"))]
    pub(crate) fn wake(&self) {
        // An error says that it is about to wake anyway, or that it has ended.
        let _ = self.0.try_send(());
    }
}

impl Sleep {
    /// Sleeps until it is woken, for `timeout` at most. Time during which the machine sleeps does not count.
    pub(crate) fn sleep(&self, timeout: Duration) {
        if self.0.recv_timeout(timeout) == Err(RecvTimeoutError::Disconnected) {
            // Nothing is left that could wake it.
            std::thread::sleep(timeout);
        }
    }
}
