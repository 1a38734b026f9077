//! Events: what happened and may be notified.

use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// An absence is *long*, and worth an event when it ends, above this.
pub const LONG_ABSENCE: time::Duration = time::Duration::HOUR;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Later events have higher ids.
    pub id: i64,
    /// Kind of event.
    pub kind: EventKind,
    /// The device that did it.
    pub device: Option<EventDevice>,
    /// Time of the event.
    pub happened_at: OffsetDateTime,
}

/// The device of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDevice {
    /// Device id.
    pub id: i64,
    /// Its name at the time of delivery; missing for some devices of the earlier service.
    pub name: Option<String>,
}

/// Kinds of events. The payload of a kind only ever gains members, so that older programs can read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A device beat.
    Beat,
    /// A device was added.
    DeviceAdded,
    /// A long absence has ended.
    AbsenceEnded {
        /// The last beat before it.
        started_at: OffsetDateTime,
    },
}

impl EventKind {
    /// Names of all kinds, as the outbox and the webhooks write them.
    pub const NAMES: [&'static str; 3] = ["beat", "device.added", "absence.ended"];

    /// Reads a kind and its payload from the outbox; `None` if this program does not know it.
    #[must_use]
    pub fn parse(name: &str, payload: &Value) -> Option<Self> {
        let time = |member: &str| OffsetDateTime::parse(payload.get(member)?.as_str()?, &Rfc3339).ok();
        match name {
            "beat" => Some(Self::Beat),
            "device.added" => Some(Self::DeviceAdded),
            "absence.ended" => Some(Self::AbsenceEnded { started_at: time("started_at")? }),
            _ => None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Beat => "beat",
            Self::DeviceAdded => "device.added",
            Self::AbsenceEnded { .. } => "absence.ended",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn kinds_are_read_by_their_names() {
        let payload = json!({ "device": 1, "started_at": "2023-11-01T10:13:42.5+00:00" });
        for name in EventKind::NAMES {
            assert_eq!(EventKind::parse(name, &payload).map(|kind| kind.name()), Some(name));
        }
        let started_at = datetime!(2023-11-01 10:13:42.5 UTC);
        assert_eq!(EventKind::parse("absence.ended", &payload), Some(EventKind::AbsenceEnded { started_at }));
    }

    #[test]
    fn kinds_of_newer_programs_are_not_taken_for_others() {
        assert_eq!(EventKind::parse("alert.fired", &json!({})), None);
        assert_eq!(EventKind::parse("absence.ended", &json!({})), None);
    }
}
