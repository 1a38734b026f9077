//! Alerts as the API shows them.

use heartbeat_core::{
    alert::{AlertState, AlertStatus, FiringStatus, Told},
    notify::event::EndedBy,
};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// All alerts of the server.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertList {
    /// Ordered by the length of their absences.
    pub(super) alerts: Vec<Alert>,
}

/// An alert as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Alert {
    /// Alert id.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 1)]
    id: i64,
    /// Name.
    #[schema(example = "After 48 hours")]
    name: String,
    /// Length of the absence that it tells of, such as `36h`, or `unusual`.
    #[schema(example = "2d")]
    after: String,
    /// Id of the device whose absence it is; `null`, that of all.
    #[schema(required)]
    device: Option<i64>,
    /// Ids of the channels that are told.
    #[schema(example = json!([1]))]
    channels: Vec<i64>,
    /// Interval of repetitions.
    #[schema(required, example = "12h")]
    repeat: Option<String>,
    /// Time of the day that is not counted.
    #[schema(required, example = "23:00-07:00")]
    rest: Option<String>,
    /// Time of the day for which notifications to the owner wait.
    #[schema(required, example = "23:00-07:00")]
    quiet: Option<String>,
    /// The owner's own words.
    #[schema(required, example = "Please call me, then Ben.")]
    message: Option<String>,
    /// Whether it fires.
    enabled: bool,
    /// Length of the absence that it tells of at present; `null` while too little is known of what is unusual.
    #[schema(required, example = "2d")]
    effective_after: Option<String>,
    /// What it is doing.
    #[schema(value_type = AlertStateName)]
    state: &'static str,
    /// While it is `waiting`: when it fires if there is no sign of life until then.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, required, example = "2026-11-26T20:05:00Z")]
    fires_at: Option<OffsetDateTime>,
    /// While it is `snoozed`: when that ends.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, required, example = "2026-12-06T18:00:00Z")]
    snoozed_until: Option<OffsetDateTime>,
    /// While it is `firing`: what it told.
    #[schema(required)]
    firing: Option<Firing>,
    /// Names of its channels whose readers, friends, have not confirmed that they reach them, but for disabled ones.
    #[schema(example = json!(["Anna"]))]
    unconfirmed: Vec<String>,
    /// Names of its channels that nothing is sent to, as their service or their reader wants no more.
    #[schema(example = json!([]))]
    disabled_channels: Vec<String>,
}

/// An alert, and what it did before.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertWithPast {
    #[serde(flatten)]
    alert: Alert,
    /// The last ten times it fired, but for one of which something is left to tell; the newest first.
    past_firings: Vec<Firing>,
}

impl AlertWithPast {
    pub(super) fn new(alert: AlertStatus, past: Vec<FiringStatus>) -> Self {
        Self { alert: alert.into(), past_firings: past.into_iter().map(Firing::from).collect() }
    }
}

/// An alert that fired.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Firing {
    /// Firing id.
    #[schema(minimum = 1, example = 7)]
    id: i64,
    /// The last sign of life before the absence.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-24T20:05:00Z")]
    since: OffsetDateTime,
    /// When it fired.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-26T20:05:04Z")]
    fired_at: OffsetDateTime,
    /// How often it was repeated.
    #[schema(minimum = 0, example = 0)]
    repetitions: u32,
    /// When a friend said that they have reached the owner.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, required)]
    reached_at: Option<OffsetDateTime>,
    /// Id of the channel by which that friend was told.
    #[schema(required)]
    reached_by: Option<i64>,
    /// When the absence ended; friends are told after beats in three different minutes.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, required)]
    ended_at: Option<OffsetDateTime>,
    /// What ended it.
    #[schema(value_type = Option<AbsenceEnd>, required)]
    ended_by: Option<&'static str>,
    /// What was told, in that order: the newest 100, and of all repetitions that a channel was told the last one or two.
    #[schema(max_items = 100)]
    told: Vec<ToldNotification>,
    /// How often something was told, what was taken back left out.
    #[schema(minimum = 0, example = 1)]
    told_count: usize,
}

/// What ends an absence: a `beat`; `ok`, the word of the owner; `erased`, nothing does, as its device was erased.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "the core writes it")]
pub(crate) enum AbsenceEnd {
    Beat,
    Ok,
    Erased,
}

/// What one channel was told of a firing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ToldNotification {
    /// Channel id. The channel may be deleted by now.
    #[schema(minimum = 0, example = 1)]
    channel: i64,
    /// What it was told.
    #[schema(value_type = ToldKind)]
    kind: &'static str,
    /// Number of the repetition; 0 for all other kinds.
    #[schema(minimum = 0, example = 0)]
    repetition: u32,
    /// When it was put into the outbox.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-26T20:05:04Z")]
    queued_at: OffsetDateTime,
    /// When the channel's service had taken it.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, required, example = "2026-11-26T20:05:05Z")]
    sent_at: Option<OffsetDateTime>,
    /// When it was taken back as out of date, before any attempt to send it, or the channel got another address, whose reader
    /// does not know of it.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, required)]
    withdrawn_at: Option<OffsetDateTime>,
}

/// What a channel is told of a firing: `fired`; `repeated`, the absence still lasts; `reached`, a friend has reached the owner;
/// `resolved`, it is over.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "the core writes it")]
pub(crate) enum ToldKind {
    Fired,
    Repeated,
    Reached,
    Resolved,
}

/// What an alert is doing, the first that applies: `disabled`; `firing`, it fired, and not all who were told know that the
/// absence is over; `no_channels`, there is nothing to tell; `not_enough_data`, too little is known of what is unusual;
/// `snoozed`; `waiting`, an absence is under way; `armed`.
#[derive(ToSchema)]
#[schema(as = AlertState, rename_all = "snake_case")]
#[expect(dead_code, reason = "the core writes it")]
pub(crate) enum AlertStateName {
    Disabled,
    Firing,
    NoChannels,
    NotEnoughData,
    Snoozed,
    Waiting,
    Armed,
}

impl From<AlertStatus> for Alert {
    fn from(status: AlertStatus) -> Self {
        let AlertStatus { alert, effective_after, state, unconfirmed, disabled } = status;
        let rule = alert.rule;
        Self {
            id: alert.id,
            name: rule.name.as_str().to_owned(),
            after: rule.after.to_string(),
            device: rule.device,
            channels: rule.channels,
            repeat: rule.repeat.map(|span| span.to_string()),
            rest: rule.rest.map(|window| window.to_string()),
            quiet: rule.quiet.map(|window| window.to_string()),
            message: rule.message.map(|message| message.as_str().to_owned()),
            enabled: rule.enabled,
            effective_after: effective_after.map(|span| span.to_string()),
            state: state.as_str(),
            fires_at: if let AlertState::Waiting { fires_at, .. } = state { fires_at } else { None },
            snoozed_until: if let AlertState::Snoozed { until } = state { Some(until) } else { None },
            firing: if let AlertState::Firing(firing) = state { Some(firing.into()) } else { None },
            unconfirmed,
            disabled_channels: disabled,
        }
    }
}

impl From<FiringStatus> for Firing {
    fn from(firing: FiringStatus) -> Self {
        Self {
            id: firing.id,
            since: firing.since,
            fired_at: firing.fired_at,
            repetitions: firing.repetitions,
            reached_at: firing.reached_at,
            reached_by: firing.reached_by,
            ended_at: firing.ended_at,
            ended_by: firing.ended_by.map(EndedBy::as_str),
            told: firing.told.into_iter().map(ToldNotification::from).collect(),
            told_count: firing.told_count,
        }
    }
}

impl From<Told> for ToldNotification {
    fn from(told: Told) -> Self {
        Self {
            channel: told.channel,
            kind: told.kind.as_str(),
            repetition: told.kind.repetition(),
            queued_at: told.queued_at,
            sent_at: told.sent_at,
            withdrawn_at: told.withdrawn_at,
        }
    }
}
