//! Bodies about alerts, parsed.

use heartbeat_core::{
    Error, Heartbeat,
    alert::{self, After, AlertMessage, AlertRule, Span, Window},
    device::DeviceName,
    humanize,
};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    api::devices::parse_name,
    http::{members, problem::Problem},
};

/// Members of a [`NewAlert`] and of an [`AlertChange`].
const MEMBERS: [&str; 9] =
    ["name", "after", "device", "channels", "repeat", "rest", "quiet", "message", "enabled"];

/// An alert to add.
#[derive(ToSchema)]
#[schema(example = json!({ "name": "Two days", "after": "48h", "channels": [], "message": "Please call me, then Ben." }))]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "`new` reads the members")]
pub(crate) struct NewAlert {
    /// Name: 1 to 100 characters without control characters. By default it says the length, such as `After 48 hours`.
    #[schema(nullable = false)]
    name: Option<DeviceName>,
    /// Length of the absence that it tells of: `10m` to `366d`, or `unusual`: 1.25 times the third-longest absence of the last 90
    /// days, at least 12 hours, once there are 14 days of data.
    after: AfterText,
    /// Id of the device whose absence it is; `null`, that of all that are signs of life.
    device: Option<i64>,
    /// Ids of the channels that are told, each once.
    #[schema(value_type = BTreeSet<i64>, required = false, nullable = false, max_items = 50, example = json!([]))]
    channels: Option<Vec<i64>>,
    /// Interval of repetitions: `1h` to `366d`; `null` for none. A friend gets at most five.
    repeat: Option<RepeatText>,
    /// Time of the day that is not counted, such as `23:00-07:00`, by the clocks of `timezone`.
    rest: Option<WindowText>,
    /// Time of the day for which notifications to the owner wait.
    quiet: Option<WindowText>,
    /// The owner's own words, which come first: at most 500 characters, no control characters but line breaks.
    #[schema(value_type = Option<String>, max_length = 500, example = "Please call me, then Ben.")]
    message: Option<AlertMessage>,
    /// Whether it fires; by default it does.
    #[schema(nullable = false)]
    enabled: Option<bool>,
}

/// A change to an alert: one member at least. What is left out stays as it is.
#[derive(ToSchema)]
#[schema(min_properties = 1, example = json!({ "after": "36h", "repeat": null }))]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "`change` reads the members")]
pub(crate) struct AlertChange {
    /// New name: 1 to 100 characters without control characters. Surrounding whitespace is trimmed first.
    #[schema(nullable = false)]
    name: Option<DeviceName>,
    /// Length of the absence that it tells of: `10m` to `366d`, or `unusual`.
    #[schema(nullable = false)]
    after: Option<AfterText>,
    /// Id of the device whose absence it is; `null`, that of all that are signs of life.
    device: Option<i64>,
    /// Ids of the channels that are told, each once.
    #[schema(value_type = BTreeSet<i64>, required = false, nullable = false, max_items = 50, example = json!([]))]
    channels: Option<Vec<i64>>,
    /// Interval of repetitions: `1h` to `366d`; `null` for none.
    repeat: Option<RepeatText>,
    /// Time of the day that is not counted; `null` for none.
    rest: Option<WindowText>,
    /// Time of the day for which notifications to the owner wait; `null` for none.
    quiet: Option<WindowText>,
    /// The owner's own words; `null` for none.
    #[schema(value_type = Option<String>, max_length = 500)]
    message: Option<AlertMessage>,
    /// Whether it fires.
    #[schema(nullable = false)]
    enabled: Option<bool>,
}

/// Length of an absence: `10m` to `366d`, or `unusual`.
#[derive(ToSchema)]
#[schema(
    as = AlertAfter,
    example = "36h",
    pattern = "^(unusual|[1-9][0-9]{1,4}m|[1-9][0-9]{0,2}h|[1-7][0-9]{3}h|[1-9][0-9]?d|[12][0-9]{2}d|3[0-5][0-9]d|36[0-6]d)$"
)]
#[expect(dead_code, reason = "the core parses it")]
pub(crate) struct AfterText(String);

/// Interval of repetitions: `1h` to `366d`.
#[derive(ToSchema)]
#[schema(
    as = AlertRepeat,
    example = "12h",
    pattern = "^([6-9][0-9]m|[1-9][0-9]{2,4}m|[1-9][0-9]{0,2}h|[1-7][0-9]{3}h|[1-9][0-9]?d|[12][0-9]{2}d|3[0-5][0-9]d|36[0-6]d)$"
)]
#[expect(dead_code, reason = "the core parses it")]
pub(crate) struct RepeatText(String);

/// A daily time, by the clocks of `timezone`. It may go on past midnight; where both times are the same it is the whole day.
#[derive(ToSchema)]
#[schema(
    as = AlertWindow,
    example = "23:00-07:00",
    pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$"
)]
#[expect(dead_code, reason = "the core parses it")]
pub(crate) struct WindowText(String);

/// A [`NewAlert`] or an [`AlertChange`], parsed: a rule, and which parts of it name something that may not exist.
pub(super) struct Change {
    rule: AlertRule,
    names_channels: bool,
    names_device: bool,
}

impl Change {
    /// Returns the rule, if the channels and the device that the client named exist. A former id of a device names it, too.
    pub(super) async fn into_rule(self, heartbeat: &Heartbeat) -> Result<AlertRule, Problem> {
        let mut rule = self.rule;
        if self.names_channels {
            let known = heartbeat.channels().await?;
            if rule.channels.iter().any(|id| known.iter().all(|channel| channel.id != *id)) {
                return Err(members::not_a("channels", "a list of ids of channels that exist"));
            }
        }
        if let Some(id) = rule.device.filter(|_| self.names_device) {
            let device = heartbeat.device(id).await.map_err(|error| match error {
                Error::UnknownDevice => unknown_device(),
                other => other.into(),
            })?;
            rule.device = Some(device.id);
        }
        Ok(rule)
    }
}

/// Parses a [`NewAlert`].
pub(super) fn new(body: &[u8]) -> Result<Change, Problem> {
    let members = members::object(body)?;
    let after = members
        .get("after")
        .ok_or_else(|| Problem::BadRequest("The member \"after\" is missing.".to_owned()))?;
    let after = text("after", after, After::parse)?;
    let rule = AlertRule {
        name: default_name(after),
        after,
        device: None,
        channels: Vec::new(),
        repeat: None,
        rest: None,
        quiet: None,
        message: None,
        enabled: true,
    };
    changed(rule, &members)
}

/// Parses an [`AlertChange`] of an alert with this rule.
pub(super) fn change(body: &[u8], rule: AlertRule) -> Result<Change, Problem> {
    let members = members::object(body)?;
    if members.is_empty() {
        return Err(Problem::BadRequest(format!("The body has none of \"{}\".", MEMBERS.join("\", \""))));
    }
    changed(rule, &members)
}

fn changed(mut rule: AlertRule, members: &Map<String, Value>) -> Result<Change, Problem> {
    for (member, value) in members {
        match member.as_str() {
            "name" => rule.name = parse_name(value)?,
            "after" => rule.after = text(member, value, After::parse)?,
            "device" => rule.device = device(value)?,
            "channels" => rule.channels = channels(value)?,
            "repeat" => rule.repeat = optional(member, value, alert::parse_repeat)?,
            "rest" => rule.rest = optional(member, value, Window::parse)?,
            "quiet" => rule.quiet = optional(member, value, Window::parse)?,
            "message" => rule.message = optional(member, value, AlertMessage::parse)?.flatten(),
            "enabled" => rule.enabled = enabled(value)?,
            _ => return Err(members::unknown_member(&MEMBERS)),
        }
    }
    let names = |member| members.contains_key(member);
    Ok(Change { rule, names_channels: names("channels"), names_device: names("device") })
}

/// Returns the name of an alert that the client gave none, such as `After 48 hours`.
fn default_name(after: After) -> DeviceName {
    let name = match after {
        After::Unusual => "Unusual absence".to_owned(),
        After::Fixed(span) => format!("After {}", in_words(span)),
    };
    DeviceName::parse(&name).expect("a short text without control characters")
}

/// Returns a duration in words: hours where it is a whole number of them, but for many days.
fn in_words(span: Span) -> String {
    let units = [("day", 86_400, 4), ("hour", 3_600, 1), ("minute", 60, 1)];
    let fits = |(_, seconds, least): &(&str, i64, i64)| {
        span.seconds() % seconds == 0 && span.seconds() >= seconds * least
    };
    let (unit, seconds, _) = units.into_iter().find(fits).unwrap_or(units[2]);
    humanize::count(span.seconds() / seconds, unit)
}

/// Parses a member that is text of a kind; `parse` fails with what is expected.
fn text<T>(
    member: &str,
    value: &Value,
    parse: impl FnOnce(&str) -> Result<T, &'static str>,
) -> Result<T, Problem> {
    let text = value.as_str().ok_or_else(|| members::not_a(member, "a string"))?;
    parse(text).map_err(|expected| members::not_a(member, expected))
}

/// Parses a member that is such a text, or `null`.
fn optional<T>(
    member: &str,
    value: &Value,
    parse: impl FnOnce(&str) -> Result<T, &'static str>,
) -> Result<Option<T>, Problem> {
    if value.is_null() { Ok(None) } else { text(member, value, parse).map(Some) }
}

fn device(value: &Value) -> Result<Option<i64>, Problem> {
    let id = value.as_i64();
    if id.is_some() || value.is_null() { Ok(id) } else { Err(unknown_device()) }
}

/// Returns the problem of a device that does not exist.
fn unknown_device() -> Problem {
    members::not_a("device", "the id of a device, or null")
}

fn enabled(value: &Value) -> Result<bool, Problem> {
    value.as_bool().ok_or_else(|| members::not_a("enabled", "true or false"))
}

fn channels(value: &Value) -> Result<Vec<i64>, Problem> {
    let ids: Option<Vec<i64>> = value.as_array().and_then(|ids| ids.iter().map(Value::as_i64).collect());
    let ids = ids.ok_or_else(|| members::not_a("channels", "a list of ids of channels"))?;
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    if unique.len() < ids.len() {
        return Err(Problem::BadRequest("The member \"channels\" names a channel twice.".to_owned()));
    }
    Ok(ids)
}
