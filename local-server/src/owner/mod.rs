//! The commands of the owner: `heartbeat devices`, `channels`, `alerts`, `status`, `snooze` and `ok`. The running server carries them out, so
//! that they obey the rules that the API has, and take effect at once.
//!
//! - [`alerts`], [`channels`]: alerts and channels; [`items`] has what they have in common.
//! - [`api`]: the API of the owner, as these commands use it.
//! - [`devices`]: changes to devices.
//! - [`show`]: what the commands print for people.
//! - [`snooze`]: the end of a snooze, as people write it.
//! - [`table`]: aligned columns.

mod alerts;
mod api;
mod channels;
mod devices;
mod items;
mod show;
mod snooze;
mod table;

use std::io::{self, Write};

use heartbeat_core::Config;
use heartbeat_local_server::cli::owner::OwnerCommand;
use jiff::Timestamp;
use serde_json::{Value, json};

use api::Api;
pub(crate) use api::OwnerError;

/// What a command prints.
struct Output {
    /// For people.
    text: String,
    /// For programs.
    json: Value,
}

/// Carries out a command of the owner, and prints its result.
pub(crate) async fn run(config: &Config, command: OwnerCommand, json: bool) -> Result<(), OwnerError> {
    let api = Api::of(config)?;
    let output = match command {
        OwnerCommand::Status => status(&api, config).await?,
        OwnerCommand::List => {
            let devices = api.devices().await?;
            Output { text: show::devices(&devices, Timestamp::now()), json: json!({ "devices": devices }) }
        }
        OwnerCommand::Add { name } => devices::add(&api, config, &name).await?,
        OwnerCommand::Change { device, change } => devices::change(&api, &device, &change).await?,
        OwnerCommand::Remove { device, is_confirmed } => devices::remove(&api, &device, is_confirmed).await?,
        OwnerCommand::Token { device } => devices::replace_token(&api, &device).await?,
        OwnerCommand::Pair { device } => devices::pair(&api, config, &device).await?,
        OwnerCommand::Channels(command) => channels::run(&api, command).await?,
        OwnerCommand::Alerts(command) => alerts::run(&api, config, command).await?,
        OwnerCommand::Ok => {
            api.record_ok().await?;
            Output { text: "Noted: you are well.\n".to_owned(), json: json!({}) }
        }
        OwnerCommand::ShowSnooze => snooze_output(config, &api.snooze().await?),
        OwnerCommand::Snooze { when, note } => {
            let until = snooze::end(&when, Timestamp::now(), snooze::timezone(config))?;
            snooze_output(config, &api.set_snooze(until, note.as_deref()).await?)
        }
    };
    let text = if json { format!("{:#}\n", output.json) } else { output.text };
    // The reader of a pipe may have seen enough.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(())
}

async fn status(api: &Api<'_>, config: &Config) -> Result<Output, OwnerError> {
    let (devices, snooze) = (api.devices().await?, api.snooze().await?);
    let (alerts_json, alerts) = items::all(api).await?;
    let (channels_json, channels) = items::all(api).await?;
    let text = format!(
        "{}\n\n{}{}{}",
        config.server_name,
        show::summary(&devices, Timestamp::now()),
        show::snooze(&snooze, snooze::timezone(config)),
        alerts::summary(&alerts, &channels)
    );
    let json = json!({
        "devices": devices,
        "snooze": snooze,
        "alerts": alerts_json["alerts"],
        "channels": channels_json["channels"],
    });
    Ok(Output { text, json })
}

fn snooze_output(config: &Config, snooze: &api::Snooze) -> Output {
    Output { text: show::snooze(snooze, snooze::timezone(config)), json: json!(snooze) }
}
