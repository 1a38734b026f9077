//! Bodies about channels, parsed.

use heartbeat_core::{channel::Audience, device::DeviceName, notify::event::EventKind};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::shown::ChannelAudience;
use crate::{
    api::devices::parse_name,
    http::{members, problem::Problem},
};

/// Kinds of channels that take an event for each beat.
const TAKES_BEATS: [&str; 2] = ["discord", "webhook"];

/// Members of a [`NewChannelBody`].
const NEW_MEMBERS: [&str; 5] = ["name", "kind", "audience", "settings", "events"];

/// Members of a [`ChannelChange`].
const CHANGE_MEMBERS: [&str; 4] = ["name", "settings", "events", "state"];

/// A channel to add.
#[derive(ToSchema)]
#[schema(as = NewChannel, example = json!({
    "name": "Anna", "kind": "ntfy", "settings": { "topic": "anna-b7d1", "token": "tk_7eevizlsiwf9yi4uxsrs83r4352o" }
}))]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "`new_channel` reads the members")]
pub(crate) struct NewChannelBody {
    /// Name: 1 to 100 characters without control characters. Surrounding whitespace is trimmed first.
    name: DeviceName,
    /// Kind.
    kind: ChannelKind,
    /// Who reads it; by default a friend.
    #[schema(nullable = false)]
    audience: Option<ChannelAudience>,
    /// Settings of its kind. `discord`: `url`. `ntfy`: `server`, `topic`, `token`. `webhook`: `url`, `secret` (`whsec_…`),
    /// `secret_previous`. `mail`: `to`. `telegram`: `bot_token`, `chat_id`, `thread_id`.
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
    /// Kinds of events that it wants, besides those of the alerts that name it. One of `alert.fired` and `alert.resolved` stands
    /// for both, of all alerts.
    #[schema(nullable = false)]
    events: Option<Vec<SubscribableEvent>>,
}

/// Kind of a channel.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "the core knows the kinds")]
pub(crate) enum ChannelKind {
    Discord,
    Ntfy,
    Webhook,
    Mail,
    Telegram,
}

/// Kind of an event that a channel can want. `beat` is for the kinds `discord` and `webhook` alone.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the core knows the kinds")]
pub(crate) enum SubscribableEvent {
    #[schema(rename = "beat")]
    Beat,
    #[schema(rename = "device.added")]
    DeviceAdded,
    #[schema(rename = "device.paired")]
    DevicePaired,
    #[schema(rename = "device.suspicious")]
    DeviceSuspicious,
    #[schema(rename = "device.quiet")]
    DeviceQuiet,
    #[schema(rename = "absence.ended")]
    AbsenceEnded,
    #[schema(rename = "alert.fired")]
    AlertFired,
    #[schema(rename = "alert.resolved")]
    AlertResolved,
}

/// A change to a channel: one member at least. What is left out stays as it is.
#[derive(ToSchema)]
#[schema(min_properties = 1, example = json!({ "name": "Anna", "state": "active" }))]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "`change` reads the members")]
pub(crate) struct ChannelChange {
    /// New name.
    #[schema(nullable = false)]
    name: Option<DeviceName>,
    /// Settings to change: `null` takes one away, and what is left out stays as it is. Other ones enable a channel again that was
    /// disabled. With another address, it has another reader: a friend is asked to confirm it, and earlier links are void.
    #[schema(value_type = Object, nullable = false)]
    settings: Option<Map<String, Value>>,
    /// Kinds of events that it wants.
    #[schema(nullable = false)]
    events: Option<Vec<SubscribableEvent>>,
    /// `active` enables a channel again.
    #[schema(nullable = false)]
    state: Option<EnabledState>,
}

/// The state that a channel can be given.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "`change` reads it")]
pub(crate) enum EnabledState {
    Active,
}

/// A [`NewChannelBody`], parsed.
pub(super) struct NewChannel {
    pub(super) name: DeviceName,
    pub(super) kind: String,
    pub(super) audience: Audience,
    pub(super) settings: Map<String, Value>,
    pub(super) events: Vec<String>,
}

/// A [`ChannelChange`], parsed.
#[derive(Default)]
pub(super) struct Change {
    pub(super) name: Option<DeviceName>,
    pub(super) settings: Option<Map<String, Value>>,
    pub(super) events: Option<Vec<String>>,
    pub(super) enable: bool,
}

/// Parses a [`NewChannelBody`]. Its settings are those that the client named: kinds check them.
pub(super) fn new_channel(body: &[u8]) -> Result<NewChannel, Problem> {
    let members = members::object(body)?;
    if members.keys().any(|name| !NEW_MEMBERS.contains(&name.as_str())) {
        return Err(members::unknown_member(&NEW_MEMBERS));
    }
    let required = |name: &str| {
        members.get(name).ok_or_else(|| Problem::BadRequest(format!("The member \"{name}\" is missing.")))
    };
    let kind = required("kind")?.as_str().ok_or_else(|| members::not_a("kind", "a string"))?;
    Ok(NewChannel {
        name: parse_name(required("name")?)?,
        kind: kind.to_owned(),
        audience: members.get("audience").map_or(Ok(Audience::Friend), audience)?,
        settings: settings(required("settings")?)?,
        events: members.get("events").map_or(Ok(Vec::new()), |value| events(value, kind))?,
    })
}

/// Parses a [`ChannelChange`] of a channel of this kind.
pub(super) fn change(body: &[u8], kind: &str) -> Result<Change, Problem> {
    let members = members::object(body)?;
    if members.is_empty() {
        return Err(Problem::BadRequest(format!(
            "The body has none of \"{}\".",
            CHANGE_MEMBERS.join("\", \"")
        )));
    }
    let mut change = Change::default();
    for (member, value) in &members {
        match member.as_str() {
            "name" => change.name = Some(parse_name(value)?),
            "settings" => change.settings = Some(settings(value)?),
            "events" => change.events = Some(events(value, kind)?),
            "state" if value == "active" => change.enable = true,
            "state" => return Err(members::not_a("state", "\"active\"")),
            _ => return Err(members::unknown_member(&CHANGE_MEMBERS)),
        }
    }
    Ok(change)
}

/// Returns the problem of settings that their kind refuses.
pub(super) fn refused_settings(reason: &str) -> Problem {
    Problem::BadRequest(format!("The channel is refused: {reason}."))
}

fn audience(value: &Value) -> Result<Audience, Problem> {
    let audience = value.as_str().and_then(Audience::parse);
    audience.ok_or_else(|| members::not_a("audience", "\"owner\" or \"friend\""))
}

fn settings(value: &Value) -> Result<Map<String, Value>, Problem> {
    value.as_object().cloned().ok_or_else(|| members::not_a("settings", "an object"))
}

/// Parses a list of kinds of events, without those that are in it twice.
fn events(value: &Value, kind: &str) -> Result<Vec<String>, Problem> {
    let known = || format!("a list of \"{}\"", EventKind::SUBSCRIBABLE.join("\", \""));
    let not_known = || members::not_a("events", &known());
    let mut events: Vec<String> = Vec::new();
    for event in value.as_array().ok_or_else(not_known)? {
        let event =
            event.as_str().filter(|event| EventKind::SUBSCRIBABLE.contains(event)).ok_or_else(not_known)?;
        if event == "beat" && !TAKES_BEATS.contains(&kind) {
            let kinds = TAKES_BEATS.join(" and ");
            return Err(Problem::BadRequest(format!(
                "Only channels of the kinds {kinds} take the event \"beat\"."
            )));
        }
        if !events.iter().any(|known| known == event) {
            events.push(event.to_owned());
        }
    }
    Ok(events)
}
