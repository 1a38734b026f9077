//! What Windows tells of this session. That the machine slept is for the clocks to show.

use std::{ffi::c_void, ptr};

use windows_sys::Win32::System::{
    Power::{CallNtPowerInformation, ES_DISPLAY_REQUIRED, SystemExecutionState},
    RemoteDesktop::{
        WTS_CURRENT_SERVER_HANDLE, WTS_CURRENT_SESSION, WTS_SESSIONSTATE_LOCK, WTS_SESSIONSTATE_UNLOCK,
        WTSActive, WTSFreeMemory, WTSINFOEX_LEVEL1_W, WTSINFOEXW, WTSQuerySessionInformationW,
        WTSSessionInfoEx,
    },
};

use super::SessionState;
use crate::wake::Waker;

/// This session.
#[derive(Debug)]
pub(crate) struct Session;

impl Session {
    /// Returns the session, which is asked each time.
    pub(crate) fn watch(_: Waker) -> Self {
        Self
    }

    /// Returns what is known now.
    #[expect(clippy::unused_self, reason = "other platforms keep what they heard")]
    pub(crate) fn state(&mut self) -> SessionState {
        let Some(info) = info() else { return SessionState::default() };
        SessionState {
            locked: is_locked(info.SessionFlags),
            active: Some(info.SessionState == WTSActive),
            ..SessionState::default()
        }
    }

    /// Whether a video or a call keeps the screen on.
    #[expect(clippy::unused_self, reason = "other platforms keep what they heard")]
    pub(crate) fn is_kept_on(&mut self) -> bool {
        execution_state().is_some_and(|state| state & ES_DISPLAY_REQUIRED != 0)
    }
}

/// Windows 7 had lock and unlock the wrong way round; Rust's programs need Windows 10.
fn is_locked(flags: i32) -> Option<bool> {
    match flags.cast_unsigned() {
        WTS_SESSIONSTATE_LOCK => Some(true),
        WTS_SESSIONSTATE_UNLOCK => Some(false),
        _ => None,
    }
}

/// Returns what the session manager knows of this session.
#[expect(unsafe_code, reason = "there are only C functions for this")]
fn info() -> Option<WTSINFOEX_LEVEL1_W> {
    let mut buffer = ptr::null_mut();
    let mut length = 0;
    // SAFETY: both pointers are valid for the call.
    let is_known = unsafe {
        WTSQuerySessionInformationW(
            WTS_CURRENT_SERVER_HANDLE,
            WTS_CURRENT_SESSION,
            WTSSessionInfoEx,
            &raw mut buffer,
            &raw mut length,
        )
    };
    if is_known == 0 || buffer.is_null() {
        return None;
    }
    let is_whole = length as usize >= size_of::<WTSINFOEXW>();
    // SAFETY: the buffer is as long as the structure, of which each pattern of bytes is valid.
    let info = is_whole.then(|| unsafe { buffer.cast::<WTSINFOEXW>().read_unaligned() });
    // SAFETY: the buffer is from the function above, and freed once.
    unsafe { WTSFreeMemory(buffer.cast::<c_void>()) };
    // SAFETY: the union has this member alone.
    info.filter(|info| info.Level == 1).map(|info| unsafe { info.Data.WTSInfoExLevel1 })
}

/// Returns what programs ask of the power manager, all together.
#[expect(unsafe_code, reason = "there are only C functions for this")]
fn execution_state() -> Option<u32> {
    let mut state = 0_u32;
    let length = u32::try_from(size_of_val(&state)).unwrap_or_default();
    // SAFETY: no input is read, and the output is as long as it is said to be.
    let status = unsafe {
        CallNtPowerInformation(
            SystemExecutionState,
            ptr::null(),
            0,
            (&raw mut state).cast::<c_void>(),
            length,
        )
    };
    (status == 0).then_some(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_say_locked_unlocked_or_nothing() {
        assert_eq!([0, 1, -1].map(is_locked), [Some(true), Some(false), None]);
    }
}
