//! Alerts in dumps: the lines about channels, alerts, and what they told.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

/// A channel, secrets included: an alert that tells no one is none.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::database) struct Channel {
    pub id: i64,
    pub name: String,
    pub kind: String,
    pub audience: String,
    pub settings: Value,
    pub events: Vec<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option", default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<OffsetDateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_code: Option<String>,
    /// How often it was given another address.
    #[serde(default)]
    pub address_version: i32,
    /// Since when nothing is sent to it, why, and the SHA-256 of the settings that this is about, in hexadecimal digits.
    #[serde(with = "time::serde::rfc3339::option", default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<OffsetDateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_settings_hash: Option<String>,
}

/// An alert.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::database) struct Alert {
    pub id: i64,
    pub name: String,
    pub after_seconds: Option<i64>,
    pub device: Option<i64>,
    pub channels: Vec<i64>,
    pub repeat_seconds: Option<i64>,
    pub rest: Option<String>,
    pub quiet: Option<String>,
    pub message: Option<String>,
    pub enabled: bool,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// A firing of an alert.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::database) struct Firing {
    pub id: i64,
    pub alert: i64,
    pub name: String,
    pub device: Option<i64>,
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub fired_at: OffsetDateTime,
    pub repetitions: i32,
    #[serde(with = "time::serde::rfc3339::option")]
    pub repeated_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended_at: Option<OffsetDateTime>,
    pub ended_by: Option<String>,
    pub minutes: i16,
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_minute: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub reached_at: Option<OffsetDateTime>,
    pub reached_by: Option<i64>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub resolved_at: Option<OffsetDateTime>,
}

/// What was told of a firing to a channel. What still waited to be sent is not among it, so that it is told again.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::database) struct Notification {
    pub firing: i64,
    pub channel: i64,
    pub kind: String,
    pub repetition: i32,
    #[serde(default)]
    pub earlier: i32,
    #[serde(with = "time::serde::rfc3339")]
    pub queued_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub sent_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option", default, skip_serializing_if = "Option::is_none")]
    pub withdrawn_at: Option<OffsetDateTime>,
}

/// A time at which the service could hear no beat, or at which the owner wanted no alerts.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::database) struct Period {
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub ended_at: OffsetDateTime,
}

/// What was told of a device, once.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::database) struct Notice {
    pub device: i64,
    pub kind: String,
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
}
