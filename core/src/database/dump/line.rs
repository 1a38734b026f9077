//! One line of a dump.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::alerts::{Alert, Channel, Firing, Notice, Notification, Period};
use crate::device::Visibility;

/// Version of the format that an export writes. An import reads all versions up to it. Since 2 devices may have former
/// ids and editor keys, and all ids are exact in JavaScript. Since 3 there is what the owner decides. Since 4
/// there are channels and alerts, and what retention has left of beats.
pub(super) const VERSION: u32 = 4;

/// One line. Times are in the format of RFC 3339, to the microsecond.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Line<'a> {
    /// Name and version of the format. The first line.
    HeartbeatExport { version: u32 },
    /// Stats of the whole service. There is one such line.
    Stats {
        total_visits: i64,
        #[serde(with = "time::serde::rfc3339")]
        server_start_time: OffsetDateTime,
        longest_absence_microseconds: i64,
    },
    /// What the owner last said of themselves. There is at most one such line.
    Owner {
        #[serde(with = "time::serde::rfc3339::option")]
        snoozed_until: Option<OffsetDateTime>,
        #[serde(borrow)]
        snooze_note: Option<Cow<'a, str>>,
        #[serde(with = "time::serde::rfc3339::option")]
        ok_at: Option<OffsetDateTime>,
    },
    /// A setting that the owner chose.
    Setting {
        #[serde(borrow)]
        name: Cow<'a, str>,
        #[serde(borrow)]
        value: Cow<'a, str>,
    },
    /// A device that was erased. Such lines come before those of devices and beats, none of which is about it.
    Erasure {
        device: i64,
        /// Id that it had before it was moved in, if it had another one then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        former_id: Option<i64>,
        #[serde(with = "time::serde::rfc3339")]
        erased_at: OffsetDateTime,
        /// Whether the absences and the longest of them are those of the devices that are left.
        finished: bool,
    },
    /// A device.
    Device {
        id: i64,
        /// Id that it had before it was moved in, if it has another one now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        former_id: Option<i64>,
        #[serde(borrow)]
        name: Option<Cow<'a, str>>,
        /// SHA-256 of its token, in hexadecimal digits.
        #[serde(borrow)]
        token_hash: Cow<'a, str>,
        /// SHA-256 of its editor key, in hexadecimal digits, if it has one.
        #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
        editor_key_hash: Option<Cow<'a, str>>,
        /// `public` or `hidden`; missing before version 3, as are the members below.
        #[serde(borrow, default = "public")]
        visibility: Cow<'a, str>,
        #[serde(default = "yes")]
        sign_of_life: bool,
        #[serde(with = "time::serde::rfc3339::option", default, skip_serializing_if = "Option::is_none")]
        archived_at: Option<OffsetDateTime>,
        #[serde(with = "time::serde::rfc3339::option", default, skip_serializing_if = "Option::is_none")]
        created_at: Option<OffsetDateTime>,
    },
    /// A channel.
    Channel(Channel),
    /// An alert. Such lines come after those of devices.
    Alert(Alert),
    /// A firing of an alert that may be deleted.
    Firing(Firing),
    /// What was told of a firing to a channel.
    Notification(Notification),
    /// What was told of a device.
    Notice(Notice),
    /// A time at which the service could hear no beat.
    Outage(Period),
    /// A time at which the owner wanted no alerts.
    Snooze(Period),
    /// When alerts were last evaluated. There is at most one such line.
    Evaluation {
        #[serde(with = "time::serde::rfc3339")]
        evaluated_at: OffsetDateTime,
    },
    /// Time before which rows of beats were deleted. There is at most one such line, after those of devices and before those below.
    Retention {
        #[serde(with = "time::serde::rfc3339")]
        retained_from: OffsetDateTime,
    },
    /// When beats of a device that were deleted came, on one day of UTC.
    Presence(Presence),
    /// An absence of one device among its beats that were deleted.
    DeviceAbsence {
        device: i64,
        #[serde(with = "time::serde::rfc3339")]
        started_at: OffsetDateTime,
        #[serde(with = "time::serde::rfc3339")]
        ended_at: OffsetDateTime,
    },
    /// The first and the last beat of a device among those that were deleted.
    DeletedBeats {
        device: i64,
        #[serde(with = "time::serde::rfc3339")]
        first_beat: OffsetDateTime,
        #[serde(with = "time::serde::rfc3339")]
        last_beat: OffsetDateTime,
    },
    /// An absence of more than an hour that has ended.
    Absence {
        ended_by: i64,
        #[serde(with = "time::serde::rfc3339")]
        started_at: OffsetDateTime,
        #[serde(with = "time::serde::rfc3339")]
        ended_at: OffsetDateTime,
    },
    /// A beat.
    Beat {
        device: i64,
        #[serde(with = "time::serde::rfc3339")]
        time_stamp: OffsetDateTime,
    },
    /// Number of lines of each type. The last line.
    End(Count),
}

fn public() -> Cow<'static, str> {
    Visibility::Public.as_str().into()
}

fn yes() -> bool {
    true
}

/// When beats of a device came, on one day of UTC.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Presence {
    pub(super) device: i64,
    /// Days since 1970.
    pub(super) day: i32,
    /// Minutes with a beat of each quarter of an hour, as bits.
    pub(super) minutes: Vec<i16>,
    /// Beats of each quarter of an hour.
    pub(super) beats: Vec<i32>,
}

/// Numbers of rows in a dump.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Number of devices.
    pub devices: i64,
    /// Number of absences of more than an hour that have ended.
    pub absences: i64,
    /// Number of beats.
    pub beats: i64,
    /// Number of devices that were erased.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub erasures: i64,
    /// Number of settings that the owner chose.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub settings: i64,
    /// Number of channels.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub channels: i64,
    /// Number of alerts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub alerts: i64,
    /// Number of firings of alerts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub firings: i64,
    /// Number of notifications that were sent of them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub notifications: i64,
    /// Number of notices about devices.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub notices: i64,
    /// Number of outages.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub outages: i64,
    /// Number of days of which presence is all that is left.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub presence: i64,
    /// Number of absences of single devices that are left of them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub device_absences: i64,
    /// Number of devices with beats on them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub deleted_beats: i64,
    /// Number of snoozes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub snoozes: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &i64) -> bool {
    *count == 0
}
