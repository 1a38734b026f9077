//! What an event tells of a firing.

use serde_json::Value;

use super::{Alert, AlertMessage, ToldKind, firing::Firing, situation::Situation};
use crate::notify::event::{AlertNotice, EventKind};

impl ToldKind {
    /// Returns the name of the events that tell it.
    #[must_use]
    pub fn event(self) -> &'static str {
        let [fired, resolved, reached] = EventKind::OF_ALERTS;
        match self {
            Self::Fired | Self::Repeated(_) => fired,
            Self::Resolved => resolved,
            Self::Reached => reached,
        }
    }
}

/// Returns what is told of a firing, which has an id.
#[must_use]
pub fn notice(situation: &Situation, firing: &Firing, kind: ToldKind) -> AlertNotice {
    let settings = &situation.settings;
    let public = |time| settings.precision.boundary(time, &settings.timezone);
    let alert = situation.alert(firing.alert);
    let reached_by = firing.reached.and_then(|reached| situation.channel(reached.by));
    AlertNotice {
        firing: firing.id.unwrap_or_default(),
        alert: firing.alert,
        name: alert.map_or_else(|| firing.name.clone(), |alert| alert.rule.name.as_str().to_owned()),
        message: alert.and_then(message),
        since: firing.since,
        public_since: public(firing.since),
        repetition: kind.repetition(),
        ended_at: firing.ended.map(|ended| ended.at),
        public_ended_at: firing.ended.map(|ended| public(ended.at)),
        ended_by: firing.ended.map(|ended| ended.by),
        of_one_device: firing.device.is_some(),
        reached_by: reached_by.map(|channel| channel.name.clone()),
        unconfirmed: alert.map(|alert| situation.unconfirmed(alert)).unwrap_or_default(),
        disabled_channels: alert.map(|alert| situation.disabled(alert)).unwrap_or_default(),
        timezone: settings.timezone.name().to_owned(),
        test: false,
    }
}

/// Returns what a test of an alert tells.
#[must_use]
pub fn test_notice(situation: &Situation, alert: &Alert) -> AlertNotice {
    let settings = &situation.settings;
    let since = situation.last_sign_of_life(alert).unwrap_or(situation.now);
    AlertNotice {
        firing: 0,
        alert: alert.id,
        name: alert.rule.name.as_str().to_owned(),
        message: message(alert),
        since,
        public_since: settings.precision.boundary(since, &settings.timezone),
        repetition: 0,
        ended_at: None,
        public_ended_at: None,
        ended_by: None,
        of_one_device: alert.rule.device.is_some(),
        reached_by: None,
        unconfirmed: situation.unconfirmed(alert),
        disabled_channels: situation.disabled(alert),
        timezone: settings.timezone.name().to_owned(),
        test: true,
    }
}

/// Returns the payload of an event about the absence of `device`. Fails for times that RFC 3339 cannot write.
pub fn payload(
    situation: &Situation,
    notice: &AlertNotice,
    device: Option<i64>,
) -> Result<Value, serde_json::Error> {
    let mut payload = serde_json::to_value(notice)?;
    if let (Some(device), Some(members)) =
        (device.filter(|_| situation.has_device(device)), payload.as_object_mut())
    {
        members.insert("device".to_owned(), device.into());
    }
    Ok(payload)
}

fn message(alert: &Alert) -> Option<String> {
    alert.rule.message.as_ref().map(AlertMessage::as_str).map(str::to_owned)
}
