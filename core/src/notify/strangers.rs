//! Events as strangers, and so friends, may know them.

use super::event::{AlertNotice, EndedAbsence, Event, EventKind, QuietDevice, SuspiciousDevice};
use crate::settings::Settings;

impl Event {
    /// Returns the event as strangers, and so friends, may know it: hidden devices are left out, and times are those of the
    /// last boundary of `precision`.
    #[must_use]
    pub fn for_strangers(self, settings: &Settings) -> Self {
        let rounded = |time| settings.precision.boundary(time, &settings.timezone);
        let kind = match self.kind {
            EventKind::DeviceSuspicious(it) => {
                EventKind::DeviceSuspicious(SuspiciousDevice { since: rounded(it.since) })
            }
            EventKind::DeviceQuiet(it) => {
                EventKind::DeviceQuiet(QuietDevice { last_beat: rounded(it.last_beat) })
            }
            EventKind::AbsenceEnded(it) => {
                EventKind::AbsenceEnded(EndedAbsence { started_at: rounded(it.started_at) })
            }
            EventKind::AlertFired(it) => EventKind::AlertFired(it.for_strangers()),
            EventKind::AlertResolved(it) => EventKind::AlertResolved(it.for_strangers()),
            EventKind::AlertReached(it) => EventKind::AlertReached(it.for_strangers()),
            kind => kind,
        };
        let device = self.device.filter(|device| device.is_public);
        Self { id: self.id, kind, device, happened_at: rounded(self.happened_at) }
    }
}

impl AlertNotice {
    /// The names of alerts and channels are the owner's notes.
    fn for_strangers(self) -> Self {
        Self {
            name: String::new(),
            since: self.public_since,
            ended_at: self.public_ended_at,
            reached_by: None,
            unconfirmed: Vec::new(),
            disabled_channels: Vec::new(),
            ..self
        }
    }
}
