//! Events: what happened and may be notified.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use time::{OffsetDateTime, serde::rfc3339};

use crate::device::UNNAMED;

/// An absence is *long*, and worth an event when it ends, above this.
pub const LONG_ABSENCE: time::Duration = time::Duration::HOUR;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Later events have higher ids.
    pub id: i64,
    /// Kind of event.
    pub kind: EventKind,
    /// The device that it is about.
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
    /// Whether strangers, and so friends, may learn its name.
    pub is_public: bool,
}

/// Kinds of events. The payload of a kind only ever gains members, so that older programs can read it. Besides its own
/// members it may have `device`, the id of the device that the event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// A device beat.
    Beat,
    /// A device was added.
    DeviceAdded,
    /// A device was paired with a code.
    DevicePaired,
    /// A device beats without a pause: maybe it is not used by a person.
    DeviceSuspicious(SuspiciousDevice),
    /// A device has not beaten for long, while others have.
    DeviceQuiet(QuietDevice),
    /// A long absence has ended.
    AbsenceEnded(EndedAbsence),
    /// An alert fired, or repeats itself.
    AlertFired(AlertNotice),
    /// What an alert told of is over.
    AlertResolved(AlertNotice),
    /// A friend has reached the owner.
    AlertReached(AlertNotice),
    /// Asks a friend to confirm a channel.
    ChannelConfirm,
    /// Nothing arrives through another channel.
    ChannelFailing(FailingChannel),
    /// A test of the channel.
    Test,
}

/// Details of [`EventKind::AbsenceEnded`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedAbsence {
    /// The last beat before it.
    #[serde(with = "rfc3339")]
    pub started_at: OffsetDateTime,
}

/// Details of [`EventKind::DeviceSuspicious`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspiciousDevice {
    /// The first of the beats without a pause.
    #[serde(with = "rfc3339")]
    pub since: OffsetDateTime,
}

/// Details of [`EventKind::DeviceQuiet`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietDevice {
    /// Its last beat.
    #[serde(with = "rfc3339")]
    pub last_beat: OffsetDateTime,
}

/// Details of the events about a firing of an alert, as of when the event was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertNotice {
    /// Id of the firing; 0 in a test.
    pub firing: i64,
    /// Id of the alert.
    pub alert: i64,
    /// Name of the alert.
    pub name: String,
    /// The owner's own words.
    pub message: Option<String>,
    /// The last sign of life before the absence.
    #[serde(with = "rfc3339")]
    pub since: OffsetDateTime,
    /// The same as strangers may know it: as of the last boundary of `precision`.
    #[serde(with = "rfc3339")]
    pub public_since: OffsetDateTime,
    /// Number of the repetition; 0 when it fired.
    #[serde(default)]
    pub repetition: u32,
    /// When the absence ended, if it has.
    #[serde(with = "rfc3339::option", default)]
    pub ended_at: Option<OffsetDateTime>,
    /// The same as strangers may know it.
    #[serde(with = "rfc3339::option", default)]
    pub public_ended_at: Option<OffsetDateTime>,
    /// What ended it.
    #[serde(default)]
    pub ended_by: Option<EndedBy>,
    /// Whether it is about the absence of one device, which may be erased or hidden, and not about that of all.
    #[serde(default)]
    pub of_one_device: bool,
    /// Name of the channel whose reader has reached the owner.
    #[serde(default)]
    pub reached_by: Option<String>,
    /// Names of the channels of this alert whose readers have not confirmed them.
    #[serde(default)]
    pub unconfirmed: Vec<String>,
    /// Names of the channels of this alert that nothing is sent to.
    #[serde(default)]
    pub disabled_channels: Vec<String>,
    /// Time zone in which times are told.
    pub timezone: String,
    /// Whether it is only a test.
    #[serde(default)]
    pub test: bool,
}

/// What ends an absence for an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// A beat.
    Beat,
    /// The word of the owner.
    Ok,
    /// Nothing did: its device was erased.
    Erased,
}

impl EndedBy {
    const ALL: [Self; 3] = [Self::Beat, Self::Ok, Self::Erased];

    /// Parses its name, as the database writes it; `None` if a newer program wrote it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ended_by| ended_by.as_str() == name)
    }

    /// Returns its name, as the API and the database write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Beat => "beat",
            Self::Ok => "ok",
            Self::Erased => "erased",
        }
    }
}

/// Details of [`EventKind::ChannelFailing`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailingChannel {
    /// Id of the channel.
    pub channel: i64,
    /// Name of the channel.
    pub name: String,
    /// Why, such as `status 404`.
    pub reason: String,
    /// Whether nothing is sent to it any more.
    pub disabled: bool,
    /// Name of the alert that could not be told of, if it is about one.
    #[serde(default)]
    pub alert_name: Option<String>,
}

impl Event {
    /// Returns the name of the device that it is about, or words for it: a friend does not learn of hidden ones.
    #[must_use]
    pub fn device_name(&self) -> &str {
        self.device.as_ref().map_or("A device", |device| device.name.as_deref().unwrap_or(UNNAMED))
    }

    /// Returns what it tells of an alert, if it is about one.
    #[must_use]
    pub fn alert(&self) -> Option<&AlertNotice> {
        match &self.kind {
            EventKind::AlertFired(notice)
            | EventKind::AlertResolved(notice)
            | EventKind::AlertReached(notice) => Some(notice),
            _ => None,
        }
    }
}

impl EventKind {
    /// Names of all kinds, as the outbox and the webhooks write them.
    pub const NAMES: [&'static str; 12] = [
        "beat",
        "device.added",
        "device.paired",
        "device.suspicious",
        "device.quiet",
        "absence.ended",
        "alert.fired",
        "alert.resolved",
        "alert.reached",
        "channel.confirm",
        "channel.failing",
        "test",
    ];

    /// Names of the kinds that a channel can subscribe to. All others go to the channels that they concern.
    pub const SUBSCRIBABLE: [&'static str; 8] = [
        "beat",
        "device.added",
        "device.paired",
        "device.suspicious",
        "device.quiet",
        "absence.ended",
        "alert.fired",
        "alert.resolved",
    ];

    /// Names of the kinds that are about a firing of an alert.
    pub const OF_ALERTS: [&'static str; 3] = ["alert.fired", "alert.resolved", "alert.reached"];

    /// Reads a kind and its payload from the outbox; `None` if this program does not know it.
    #[must_use]
    pub fn parse(name: &str, payload: &Value) -> Option<Self> {
        match name {
            "beat" => Some(Self::Beat),
            "device.added" => Some(Self::DeviceAdded),
            "device.paired" => Some(Self::DevicePaired),
            "device.suspicious" => details(payload).map(Self::DeviceSuspicious),
            "device.quiet" => details(payload).map(Self::DeviceQuiet),
            "absence.ended" => details(payload).map(Self::AbsenceEnded),
            "alert.fired" => details(payload).map(Self::AlertFired),
            "alert.resolved" => details(payload).map(Self::AlertResolved),
            "alert.reached" => details(payload).map(Self::AlertReached),
            "channel.confirm" => Some(Self::ChannelConfirm),
            "channel.failing" => details(payload).map(Self::ChannelFailing),
            "test" => Some(Self::Test),
            _ => None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Beat => "beat",
            Self::DeviceAdded => "device.added",
            Self::DevicePaired => "device.paired",
            Self::DeviceSuspicious(_) => "device.suspicious",
            Self::DeviceQuiet(_) => "device.quiet",
            Self::AbsenceEnded(_) => "absence.ended",
            Self::AlertFired(_) => "alert.fired",
            Self::AlertResolved(_) => "alert.resolved",
            Self::AlertReached(_) => "alert.reached",
            Self::ChannelConfirm => "channel.confirm",
            Self::ChannelFailing(_) => "channel.failing",
            Self::Test => "test",
        }
    }
}

fn details<T: DeserializeOwned>(payload: &Value) -> Option<T> {
    T::deserialize(payload).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn kinds_are_read_by_their_names() {
        let payload = json!({
            "device": 1, "started_at": "2023-11-01T10:13:42.5+00:00", "since": "2023-11-01T10:13:42Z",
            "public_since": "2023-11-01T10:00:00Z", "last_beat": "2023-11-01T10:13:42Z", "firing": 7, "alert": 3,
            "name": "48 hours", "timezone": "Europe/Berlin", "channel": 2, "reason": "status 404", "disabled": true,
        });
        for name in EventKind::NAMES {
            assert_eq!(EventKind::parse(name, &payload).map(|kind| kind.name()), Some(name));
        }
        let ended = EndedAbsence { started_at: datetime!(2023-11-01 10:13:42.5 UTC) };
        assert_eq!(EventKind::parse("absence.ended", &payload), Some(EventKind::AbsenceEnded(ended)));
    }

    #[test]
    fn kinds_of_newer_programs_are_not_taken_for_others() {
        assert_eq!(EventKind::parse("alert.snoozed", &json!({})), None);
        assert_eq!(EventKind::parse("absence.ended", &json!({})), None);
    }
}
