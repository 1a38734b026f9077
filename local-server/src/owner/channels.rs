//! `heartbeat channels`

use std::io::{self, IsTerminal};

use heartbeat_local_server::cli::alerts::ChannelCommand;
use hyper::Method;
use serde_json::{Map, Value, json};

use super::{
    Output, OwnerError,
    api::Api,
    items::{self, Channel, shown},
    table::{Align, Table},
};

/// Carries out a command about channels.
pub(super) async fn run(api: &Api<'_>, command: ChannelCommand) -> Result<Output, OwnerError> {
    match command {
        ChannelCommand::List => {
            let (json, channels) = items::all::<Channel>(api).await?;
            Ok(Output { text: table(&channels), json })
        }
        ChannelCommand::Add { kind, name, is_owners, settings, events } => {
            let audience = if is_owners { "owner" } else { "friend" };
            let settings = with_secret(&kind, parse_settings(&settings)?)?;
            let body = json!({
                "kind": kind, "name": name, "audience": audience, "settings": settings, "events": events
            });
            added(api.read(Method::POST, "/api/channels", Some(body)).await?)
        }
        ChannelCommand::Test(channel) => order(api, &channel, "test", "A test is on its way through").await,
        ChannelCommand::Resend(channel) => {
            order(api, &channel, "resend", "What was given up is sent again through").await
        }
        ChannelCommand::Enable(channel) => {
            let channel = find(api, &channel).await?;
            let path = format!("/api/channels/{}", channel.id);
            let json = api.read(Method::PATCH, &path, Some(json!({ "state": "active" }))).await?;
            Ok(Output { text: format!("{} is enabled.\n", shown(&channel.name)), json })
        }
        ChannelCommand::Remove(channel) => {
            let channel = find(api, &channel).await?;
            api.order(Method::DELETE, &format!("/api/channels/{}", channel.id)).await?;
            Ok(output(format!("Deleted {}.\n", shown(&channel.name)), channel.id))
        }
    }
}

/// Has the server do something with a channel.
async fn order(api: &Api<'_>, channel: &str, what: &str, done: &str) -> Result<Output, OwnerError> {
    let channel = find(api, channel).await?;
    api.order(Method::POST, &format!("/api/channels/{}/{what}", channel.id)).await?;
    let name = shown(&channel.name);
    Ok(output(format!("{done} {name}; heartbeat channels list says what became of it.\n"), channel.id))
}

fn output(text: String, id: i64) -> Output {
    Output { text, json: json!({ "id": id }) }
}

async fn find(api: &Api<'_>, named: &str) -> Result<Channel, OwnerError> {
    let (_, channels) = items::all::<Channel>(api).await?;
    items::find(&channels, named).cloned()
}

/// Says what comes after a channel was added.
fn added(json: Value) -> Result<Output, OwnerError> {
    let channel: Channel = serde_json::from_value(json.clone()).map_err(|_| OwnerError::Unreadable)?;
    let mut text = format!("Added {} (id {}).\n", shown(&channel.name), channel.id);
    if let Some(secret) = json["secret"].as_str() {
        text += &format!("Its secret, which is shown this once:\n\n    {secret}\n\n");
    }
    if let Some(code) = json["start_code"].as_str() {
        text += &format!("In the chat that it is to write to, send the bot\n\n    /start {code}\n\n");
    }
    if channel.audience == "friend" {
        text += "Its reader gets a message with a link to confirm it.\n";
    }
    Ok(Output { text, json })
}

/// Parses settings that are no secrets.
fn parse_settings(settings: &[String]) -> Result<Map<String, Value>, OwnerError> {
    let parse = |setting: &String| {
        let (name, value) = setting.split_once('=').ok_or_else(|| OwnerError::NoSetting(setting.clone()))?;
        Ok((name.to_owned(), value.into()))
    };
    settings.iter().map(parse).collect()
}

/// Adds the secret of this kind of channel, if it has one: from a prompt that does not show it, or from standard input. An
/// empty line is none.
fn with_secret(kind: &str, mut settings: Map<String, Value>) -> Result<Map<String, Value>, OwnerError> {
    let (name, prompt) = match kind {
        "discord" => ("url", "URL of the webhook at Discord"),
        "webhook" => ("url", "URL that takes the webhooks"),
        "telegram" => ("bot_token", "Token of the bot"),
        "ntfy" => ("token", "Access token of ntfy, or nothing"),
        _ => return Ok(settings),
    };
    let secret = if io::stdin().is_terminal() {
        rpassword::prompt_password(format!("{prompt} (not shown): "))
    } else {
        io::read_to_string(io::stdin())
    };
    let secret = secret.map_err(OwnerError::UnreadableSecret)?;
    if !secret.trim().is_empty() {
        settings.insert(name.to_owned(), secret.trim().into());
    }
    Ok(settings)
}

/// Returns the table of all channels.
fn table(channels: &[Channel]) -> String {
    if channels.is_empty() {
        return "There are no channels yet; heartbeat channels add KIND NAME adds one.\n".to_owned();
    }
    let mut table = Table::new([
        ("ID", Align::Right),
        ("NAME", Align::Left),
        ("KIND", Align::Left),
        ("READER", Align::Left),
        ("STATE", Align::Left),
    ]);
    for channel in channels {
        let (name, kind) = (shown(&channel.name), shown(&channel.kind));
        table.add([channel.id.to_string(), name, kind, channel.audience.clone(), state(channel)]);
    }
    table.to_string()
}

/// Returns the state of a channel, with the reason where something is wrong.
pub(super) fn state(channel: &Channel) -> String {
    let failure = channel.disabled.as_ref().or(channel.failing.as_ref());
    let reason = failure.map(|failure| format!(": {}", shown(&failure.reason))).unwrap_or_default();
    let dead = if channel.dead > 0 { format!(", {} not sent", channel.dead) } else { String::new() };
    format!("{}{reason}{dead}", channel.state)
}
