//! Input as macOS' event system counts it. Asking needs no permission: no event is looked at.

use std::time::Duration;

use objc2_core_graphics::{CGEventSource, CGEventSourceStateID, CGEventType};

use super::{InputState, Source, Unavailable};
use crate::clock::Moment;

/// `kCGAnyInputEventType` of `CGEventSource.h`, which the bindings leave out.
const ANY_INPUT: CGEventType = CGEventType(u32::MAX);

/// The session's last input.
#[derive(Debug)]
pub(super) struct Macos;

impl Source for Macos {
    fn input_state(&mut self, now: Moment) -> Result<InputState, Unavailable> {
        // This session's own, and over the network too: another user at the same Mac does not count.
        let session = CGEventSourceStateID::CombinedSessionState;
        let seconds = CGEventSource::seconds_since_last_event_type(session, ANY_INPUT);
        let idle = Duration::try_from_secs_f64(seconds)
            .map_err(|_| Unavailable(format!("macOS says that the last input was {seconds} seconds ago")))?;
        Ok(InputState { last_input: Some(now.awake.before(idle)), kept_on: false })
    }
}
