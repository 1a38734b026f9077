//! `heartbeat alerts`

use heartbeat_core::Config;
use heartbeat_local_server::cli::alerts::{AlertCommand, NewAlert};
use hyper::Method;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{
    Output, OwnerError,
    api::Api,
    items::{self, Alert, Channel, shown},
    show::local_time,
    snooze,
    table::{Align, Table},
};

/// Carries out a command about alerts.
pub(super) async fn run(api: &Api<'_>, config: &Config, command: AlertCommand) -> Result<Output, OwnerError> {
    let timezone = snooze::timezone(config);
    match command {
        AlertCommand::List => {
            let (json, alerts) = items::all::<Alert>(api).await?;
            let (_, channels) = items::all::<Channel>(api).await?;
            Ok(Output { text: table(&alerts, &channels, timezone.as_ref()), json })
        }
        AlertCommand::Add(alert) => add(api, &alert).await,
        AlertCommand::Enable { alert, enabled } => {
            let alert = find(api, &alert).await?;
            let path = format!("/api/alerts/{}", alert.id);
            let json = api.read(Method::PATCH, &path, Some(json!({ "enabled": enabled }))).await?;
            let state = if enabled { "enabled" } else { "disabled" };
            Ok(Output { text: format!("{} is {state}.\n", shown(&alert.name)), json })
        }
        AlertCommand::Test(alert) => {
            let alert = find(api, &alert).await?;
            api.order(Method::POST, &format!("/api/alerts/{}/test", alert.id)).await?;
            let text = format!("A test of {} fires within a minute.\n", shown(&alert.name));
            Ok(Output { text, json: json!({ "id": alert.id }) })
        }
        AlertCommand::Remove(alert) => {
            let alert = find(api, &alert).await?;
            api.order(Method::DELETE, &format!("/api/alerts/{}", alert.id)).await?;
            Ok(Output { text: format!("Deleted {}.\n", shown(&alert.name)), json: json!({ "id": alert.id }) })
        }
        AlertCommand::Preview { after, device, rest } => {
            let device = match device {
                Some(device) => Some(api.find(&device).await?.id),
                None => None,
            };
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("after", &after);
            query.extend_pairs(device.map(|id| ("device", id.to_string())));
            query.extend_pairs(rest.map(|rest| ("rest", rest)));
            let path = format!("/api/alerts/preview?{}", query.finish());
            let json: Value = api.read(Method::GET, &path, None).await?;
            Ok(Output { text: preview(&json, timezone.as_ref()), json })
        }
    }
}

async fn add(api: &Api<'_>, alert: &NewAlert) -> Result<Output, OwnerError> {
    let (_, known) = items::all::<Channel>(api).await?;
    let ids: Result<Vec<i64>, OwnerError> =
        alert.channels.iter().map(|named| Ok(items::find(&known, named)?.id)).collect();
    let mut body = json!({ "after": alert.after, "channels": ids? });
    if let Some(device) = &alert.device {
        body["device"] = api.find(device).await?.id.into();
    }
    for (member, value) in [
        ("name", &alert.name),
        ("repeat", &alert.repeat),
        ("rest", &alert.rest),
        ("quiet", &alert.quiet),
        ("message", &alert.message),
    ] {
        if let Some(value) = value {
            body[member] = value.as_str().into();
        }
    }
    let json: Value = api.read(Method::POST, "/api/alerts", Some(body)).await?;
    let added: Alert = serde_json::from_value(json.clone()).map_err(|_| OwnerError::Unreadable)?;
    let mut text = format!("Added {} (id {}).\n", shown(&added.name), added.id);
    if added.channels.is_empty() {
        text += "It tells nobody yet: --channel names the channels.\n";
    }
    Ok(Output { text, json })
}

async fn find(api: &Api<'_>, named: &str) -> Result<Alert, OwnerError> {
    let (_, alerts) = items::all::<Alert>(api).await?;
    items::find(&alerts, named).cloned()
}

/// Returns the table of all alerts.
fn table(alerts: &[Alert], channels: &[Channel], timezone: Option<&TimeZone>) -> String {
    if alerts.is_empty() {
        return "There are no alerts yet; heartbeat alerts add AFTER --channel CHANNEL adds one.\n"
            .to_owned();
    }
    let mut table = Table::new([
        ("ID", Align::Right),
        ("AFTER", Align::Left),
        ("NAME", Align::Left),
        ("TELLS", Align::Left),
        ("STATE", Align::Left),
    ]);
    for alert in alerts {
        let told = channels.iter().filter(|channel| alert.channels.contains(&channel.id));
        let told: Vec<String> = told.map(|channel| shown(&channel.name)).collect();
        let told = if told.is_empty() { "nobody".to_owned() } else { told.join(", ") };
        table.add([
            alert.id.to_string(),
            alert.after.clone(),
            shown(&alert.name),
            told,
            state(alert, timezone),
        ]);
    }
    table.to_string()
}

/// Returns what an alert is doing, in words.
fn state(alert: &Alert, timezone: Option<&TimeZone>) -> String {
    let at = |words: &str, time: Option<&str>| {
        time.and_then(|time| local_time(time, timezone)).map(|time| format!("{words} {time}"))
    };
    let state = match alert.state.as_str() {
        "firing" => at("fired", alert.firing.as_ref().map(|firing| firing.fired_at.as_str())),
        "waiting" => at("fires", alert.fires_at.as_deref()),
        "snoozed" => at("snoozed until", alert.snoozed_until.as_deref()),
        _ => None,
    };
    let state = state.unwrap_or_else(|| alert.state.replace('_', " "));
    let lists = [("not confirmed", &alert.unconfirmed), ("disabled", &alert.disabled_channels)];
    lists.into_iter().filter(|(_, names)| !names.is_empty()).fold(state, |state, (what, names)| {
        let names: Vec<String> = names.iter().map(|name| shown(name)).collect();
        format!("{state}; {what}: {}", names.join(", "))
    })
}

/// Returns when an alert would have fired, a line for each time.
fn preview(json: &Value, timezone: Option<&TimeZone>) -> String {
    let Some(after) = json["effective_after"].as_str() else {
        return "Too little is known yet of what is unusual for you.\n".to_owned();
    };
    let firings = json["firings"].as_array().map(Vec::as_slice).unwrap_or_default();
    let times: Vec<String> =
        firings.iter().filter_map(|firing| local_time(firing["fired_at"].as_str()?, timezone)).collect();
    if times.is_empty() {
        return format!("After {}, it would not have fired in the last year.\n", shown(after));
    }
    format!("After {}, it would have fired in the last year:\n\n    {}\n", shown(after), times.join("\n    "))
}

/// Returns how the alerts are taken together.
pub(super) fn summary(alerts: &[Alert], channels: &[Channel]) -> String {
    let count = |state: &str| alerts.iter().filter(|alert| alert.state == state).count();
    let states = [
        ("firing", count("firing")),
        ("waiting", count("waiting")),
        ("armed", count("armed")),
        ("snoozed", count("snoozed")),
        ("disabled", count("disabled")),
    ];
    let states: Vec<String> = states
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let ladder = if alerts.is_empty() { "no alerts".to_owned() } else { states.join(", ") };
    let troubled =
        channels.iter().filter(|channel| ["disabled", "failing"].contains(&channel.state.as_str()));
    let troubled = troubled.map(|channel| {
        format!("           {} is {}\n", shown(&channel.name), super::channels::state(channel))
    });
    format!("Ladder     {ladder}\nChannels   {}\n{}", channels.len(), troubled.collect::<String>())
}
