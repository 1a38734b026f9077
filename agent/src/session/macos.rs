//! What macOS tells of this session. That the machine slept is for the clocks to show.

use std::ptr;

use objc2_core_foundation::{CFBoolean, CFDictionary, CFNumber, CFRetained, CFString, CFType};
use objc2_core_graphics::CGSessionCopyCurrentDictionary;
use objc2_io_kit::IOPMCopyAssertionsStatus;

use super::SessionState;
use crate::wake::Waker;

/// There while the screen is locked. Apple does not document it, but it has been there since macOS 10.
const LOCKED: &str = "CGSSessionScreenIsLocked";

/// Whether the session has the screen (`kCGSessionOnConsoleKey`).
const ON_CONSOLE: &str = "kCGSSessionOnConsoleKey";

/// Level of the assertion by which programs keep the screen on (`kIOPMAssertPreventUserIdleDisplaySleep`).
const KEEPS_ON: &str = "PreventUserIdleDisplaySleep";

/// This session.
#[derive(Debug)]
pub(crate) struct Session;

impl Session {
    /// Returns the session, which is asked each time.
    pub(crate) fn watch(_: Waker) -> Self {
        Self
    }

    /// Returns what is known now: nothing outside of a session with a screen.
    #[expect(clippy::unused_self, reason = "other platforms keep what they heard")]
    pub(crate) fn state(&mut self) -> SessionState {
        let Some(session) = CGSessionCopyCurrentDictionary().map(typed) else {
            return SessionState::default();
        };
        SessionState {
            locked: Some(is_set(&session, LOCKED) == Some(true)),
            active: is_set(&session, ON_CONSOLE),
            ..SessionState::default()
        }
    }

    /// Whether a video or a call keeps the screen on.
    #[expect(clippy::unused_self, reason = "other platforms keep what they heard")]
    pub(crate) fn is_kept_on(&mut self) -> bool {
        assertions().is_some_and(|assertions| is_set(&assertions, KEEPS_ON) == Some(true))
    }
}

/// A dictionary as macOS returns them: from texts to objects.
type Dictionary = CFDictionary<CFString, CFType>;

/// Returns what programs ask of the power manager, all together.
#[expect(unsafe_code, reason = "the bindings have no safe function for this")]
fn assertions() -> Option<CFRetained<Dictionary>> {
    let mut status: *const CFDictionary = ptr::null();
    // SAFETY: the pointer is valid for the call.
    let code = unsafe { IOPMCopyAssertionsStatus(&raw mut status) };
    let status = ptr::NonNull::new(status.cast_mut()).filter(|_| code == 0)?;
    // SAFETY: by its name the function leaves the dictionary to its caller.
    Some(typed(unsafe { CFRetained::from_raw(status) }))
}

/// Gives a dictionary the types of its keys and values.
#[expect(unsafe_code, reason = "C's dictionaries have no types")]
fn typed(dictionary: CFRetained<CFDictionary>) -> CFRetained<Dictionary> {
    // SAFETY: the keys of both dictionaries are documented as texts, and each object is a `CFType`.
    unsafe { CFRetained::cast_unchecked(dictionary) }
}

/// Returns whether a key's value is true, or a number other than zero.
fn is_set(dictionary: &Dictionary, key: &'static str) -> Option<bool> {
    let value = dictionary.get(&CFString::from_static_str(key))?;
    let truth = value.downcast_ref::<CFBoolean>().map(CFBoolean::as_bool);
    truth.or_else(|| value.downcast_ref::<CFNumber>().and_then(CFNumber::as_i64).map(|number| number != 0))
}
