//! What webhooks send: the body of each kind of event, which the document of the API describes.

use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use utoipa::ToSchema;

use super::{
    event::{AlertNotice, EndedBy, Event, EventKind, FailingChannel},
    wording::Reader,
};
use crate::{channel::Audience, link::LinkAction};

/// Names of unconfirmed channels that one body lists at most, so that it stays below 20 kB.
const NAMES_MAX: usize = 20;

/// Body of a webhook.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookBody {
    /// Kind of event, such as `alert.fired`.
    #[schema(value_type = String, example = "alert.fired")]
    r#type: &'static str,
    /// When it happened. The header `webhook-timestamp` has the time of the attempt.
    #[schema(value_type = String, format = DateTime)]
    timestamp: String,
    /// Details, by kind.
    data: WebhookData,
}

/// Details of an event, by its kind.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum WebhookData {
    /// `absence.ended`.
    Absence(AbsenceData),
    /// `device.suspicious`, `device.quiet`.
    Since(SinceData),
    /// `alert.fired`, `alert.resolved`, `alert.reached`.
    Alert(Box<AlertData>),
    /// `channel.failing`.
    Channel(ChannelData),
    /// `channel.confirm`.
    Confirm(ConfirmData),
    /// `beat`, `device.added`, `device.paired`; `test`, where nothing is in it.
    Device(DeviceData),
}

/// A device that an event is about. A friend is not told of hidden ones.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookDevice {
    /// Device id.
    id: i64,
    /// Its name at the time of delivery.
    name: Option<String>,
}

/// Details of an event about a device.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceData {
    /// The device.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<WebhookDevice>,
}

/// Details of an absence that has ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct AbsenceData {
    /// The device whose beat ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<WebhookDevice>,
    /// The last beat before it.
    #[schema(value_type = String, format = DateTime)]
    started_at: String,
    /// The beat that ended it.
    #[schema(value_type = String, format = DateTime)]
    ended_at: String,
    /// Its length.
    seconds: i64,
}

/// Details of a device whose beats tell less than they seem to.
#[derive(Debug, Serialize, ToSchema)]
pub struct SinceData {
    /// The device.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<WebhookDevice>,
    /// `device.suspicious`: the first of its beats without a pause. `device.quiet`: its last beat.
    #[schema(value_type = String, format = DateTime)]
    since: String,
}

/// Details of an event about an alert.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertData {
    /// The alert.
    alert: WebhookAlert,
    /// The firing: the same in all events about one absence; 0 in a test.
    firing: i64,
    /// The device whose absence it is; missing if it is that of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<WebhookDevice>,
    /// The last sign of life before the absence.
    #[schema(value_type = String, format = DateTime)]
    since: String,
    /// Number of the repetition; 0 when the alert fired.
    repetition: u32,
    /// When the absence ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<String>,
    /// What ended it: `beat`; `ok`, the word of the owner; or `erased`, nothing did, as its device was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "beat")]
    ended_by: Option<EndedBy>,
    /// The owner's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Name of the channel whose reader has reached the owner. Friends are not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    reached_by: Option<String>,
    /// Names of the first 20 channels whose readers have not confirmed them. Friends are not told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unconfirmed: Vec<String>,
    /// To the owner, of `alert.fired`: the page with a button that says that they are well.
    #[serde(skip_serializing_if = "Option::is_none")]
    ok_url: Option<String>,
    /// To a friend, of `alert.fired`: the page with a button that says that they have reached the owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    reached_url: Option<String>,
    /// Whether it is only a test.
    test: bool,
}

/// An alert.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookAlert {
    /// Alert id.
    id: i64,
    /// Its name when the event was written. Friends are not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// Details of a channel through which nothing arrives.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChannelData {
    /// The channel.
    channel: WebhookChannel,
    /// Why, such as `status 404`.
    reason: String,
    /// Whether nothing is sent to it any more.
    disabled: bool,
    /// Name of the alert that could not be told of, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    alert_name: Option<String>,
}

/// A channel.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookChannel {
    /// Channel id.
    id: i64,
    /// Its name.
    name: String,
}

/// What a friend is asked.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConfirmData {
    /// The page with a button that confirms that the channel reaches them.
    confirm_url: Option<String>,
    /// The page with a button that says that they want no messages.
    unsubscribe_url: Option<String>,
}

impl WebhookBody {
    pub(super) fn of(event: &Event, reader: &Reader<'_>) -> Self {
        let device = event.device.as_ref();
        let device = device.map(|device| WebhookDevice { id: device.id, name: device.name.clone() });
        let link = |action, firing| reader.link(action, firing);
        let data = match &event.kind {
            EventKind::AbsenceEnded(absence) => WebhookData::Absence(AbsenceData {
                device,
                started_at: rfc3339(absence.started_at),
                ended_at: rfc3339(event.happened_at),
                seconds: (event.happened_at - absence.started_at).whole_seconds(),
            }),
            EventKind::DeviceSuspicious(it) => {
                WebhookData::Since(SinceData { device, since: rfc3339(it.since) })
            }
            EventKind::DeviceQuiet(it) => {
                WebhookData::Since(SinceData { device, since: rfc3339(it.last_beat) })
            }
            EventKind::AlertFired(notice) => {
                let link = |audience, action| {
                    (reader.audience == audience).then(|| link(action, notice.firing)).flatten()
                };
                WebhookData::Alert(Box::new(AlertData {
                    ok_url: link(Audience::Owner, LinkAction::Ok),
                    reached_url: link(Audience::Friend, LinkAction::Reached),
                    ..AlertData::of(notice, device)
                }))
            }
            EventKind::AlertResolved(notice) | EventKind::AlertReached(notice) => {
                WebhookData::Alert(Box::new(AlertData::of(notice, device)))
            }
            EventKind::ChannelFailing(failing) => WebhookData::Channel(ChannelData::of(failing)),
            EventKind::ChannelConfirm => WebhookData::Confirm(ConfirmData {
                confirm_url: link(LinkAction::Confirm, 0),
                unsubscribe_url: link(LinkAction::Unsubscribe, 0),
            }),
            EventKind::Beat | EventKind::DeviceAdded | EventKind::DevicePaired | EventKind::Test => {
                WebhookData::Device(DeviceData { device })
            }
        };
        Self { r#type: event.kind.name(), timestamp: rfc3339(event.happened_at), data }
    }
}

impl AlertData {
    fn of(notice: &AlertNotice, device: Option<WebhookDevice>) -> Self {
        Self {
            alert: WebhookAlert {
                id: notice.alert,
                name: (!notice.name.is_empty()).then(|| notice.name.clone()),
            },
            firing: notice.firing,
            device,
            since: rfc3339(notice.since),
            repetition: notice.repetition,
            ended_at: notice.ended_at.map(rfc3339),
            ended_by: notice.ended_by,
            message: notice.message.clone(),
            reached_by: notice.reached_by.clone(),
            unconfirmed: notice.unconfirmed.iter().take(NAMES_MAX).cloned().collect(),
            ok_url: None,
            reached_url: None,
            test: notice.test,
        }
    }
}

impl ChannelData {
    fn of(failing: &FailingChannel) -> Self {
        Self {
            channel: WebhookChannel { id: failing.channel, name: failing.name.clone() },
            reason: failing.reason.clone(),
            disabled: failing.disabled,
            alert_name: failing.alert_name.clone(),
        }
    }
}

/// A time in UTC (RFC 3339), to the second.
fn rfc3339(time: OffsetDateTime) -> String {
    let whole = time.replace_nanosecond(0).unwrap_or(time).to_offset(time::UtcOffset::UTC);
    whole.format(&Rfc3339).unwrap_or_default()
}
