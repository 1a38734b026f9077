//! Changes to devices.

use std::io::{self, IsTerminal, Write};

use heartbeat_core::{Config, humanize};
use heartbeat_local_server::cli::owner::DeviceChange;
use serde_json::json;

use super::{
    Output, OwnerError,
    api::{Api, Device, Pairing},
};

/// Registers a device, and makes a pairing code for it. Once it is registered, its token must be shown, even if no code can
/// be made.
pub(super) async fn add(api: &Api<'_>, config: &Config, name: &str) -> Result<Output, OwnerError> {
    let device = api.register(name).await?;
    let pairing = api.start_pairing(device.id).await;
    let ways = match &pairing {
        Ok(pairing) => format!(
            "On the device, type within ten minutes\n\n    {}\n\nor use its token, which is shown this once:",
            pairing_line(config, pairing)
        ),
        Err(error) => format!(
            "No pairing code could be made: {error}\nheartbeat devices pair {} makes one. Or use its token, which is \
             shown this once:",
            device.id
        ),
    };
    let text = format!(
        "Added {} (id {}).\n\n{ways}\n\n    {}\n",
        device.name.as_deref().unwrap_or_default(),
        device.id,
        device.token
    );
    let pairing = pairing.ok();
    let json = json!({
        "id": device.id,
        "name": device.name,
        "token": device.token,
        "code": pairing.as_ref().map(|pairing| &pairing.code),
        "expires_at": pairing.as_ref().map(|pairing| &pairing.expires_at),
    });
    Ok(Output { text, json })
}

/// Makes a pairing code.
pub(super) async fn pair(api: &Api<'_>, config: &Config, device: &str) -> Result<Output, OwnerError> {
    let device = api.find(device).await?;
    refuse_archived(&device)?;
    let pairing = api.start_pairing(device.id).await?;
    let text = format!(
        "On {}, type within ten minutes\n\n    {}\n\nIts token stays valid until the new one beats.\n",
        device.shown_name(),
        pairing_line(config, &pairing)
    );
    Ok(Output { text, json: json!(pairing) })
}

/// Replaces the token.
pub(super) async fn replace_token(api: &Api<'_>, device: &str) -> Result<Output, OwnerError> {
    let device = api.find(device).await?;
    refuse_archived(&device)?;
    let registered = api.replace_token(device.id).await?;
    let text = format!(
        "{} has a new token, which is shown this once; the old one is dead:\n\n    {}\n",
        device.shown_name(),
        registered.token
    );
    Ok(Output { text, json: json!(registered) })
}

/// Changes name, visibility or whether it is archived.
pub(super) async fn change(api: &Api<'_>, device: &str, change: &DeviceChange) -> Result<Output, OwnerError> {
    let before = api.find(device).await?;
    let changes = match change {
        DeviceChange::Name(name) => json!({ "name": name }),
        DeviceChange::Hidden(true) => json!({ "visibility": "hidden" }),
        DeviceChange::Hidden(false) => json!({ "visibility": "public" }),
        DeviceChange::Archived(archived) => json!({ "archived": archived }),
    };
    let device = api.update(before.id, changes).await?;
    let (old, name, id) = (before.shown_name(), device.shown_name(), device.id);
    let text = match change {
        DeviceChange::Name(_) => format!("{old} is now called {name}.\n"),
        DeviceChange::Hidden(true) => format!("{name} is hidden. Its beats still count.\n"),
        DeviceChange::Hidden(false) if device.archived => {
            format!(
                "{name} is archived, so nobody sees it; heartbeat devices archive {id} --undo brings it back.\n"
            )
        }
        DeviceChange::Hidden(false) => format!("{name} is shown to everybody.\n"),
        DeviceChange::Archived(true) => {
            format!("{name} is archived, and its token dead. Its beats still count.\n")
        }
        DeviceChange::Archived(false) => {
            format!("{name} is back, without a token; heartbeat devices pair {id} gives it one.\n")
        }
    };
    Ok(Output { text, json: json!(device) })
}

/// Erases a device, after its name was typed unless the owner `is_confirmed` to want it.
pub(super) async fn remove(api: &Api<'_>, device: &str, is_confirmed: bool) -> Result<Output, OwnerError> {
    let device = api.find(device).await?;
    if !is_confirmed {
        confirm(&device)?;
    }
    api.erase(device.id).await?;
    let text =
        format!("Erased {} and its {}.\n", device.shown_name(), humanize::count(device.num_beats, "beat"));
    Ok(Output { text, json: json!(device) })
}

/// Asks on the terminal for the name of the device.
fn confirm(device: &Device) -> Result<(), OwnerError> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(OwnerError::NotConfirmable);
    }
    let name = device.shown_name();
    let _ = write!(
        io::stderr(),
        "Erase {name} and its {}? This cannot be undone.\nType \"{name}\" to erase it: ",
        humanize::count(device.num_beats, "beat")
    );
    let mut typed = String::new();
    io::stdin().read_line(&mut typed).map_err(|_| OwnerError::NotConfirmed)?;
    if typed.trim() == name { Ok(()) } else { Err(OwnerError::NotConfirmed) }
}

/// Refuses what needs a device that may beat.
fn refuse_archived(device: &Device) -> Result<(), OwnerError> {
    if device.archived {
        Err(OwnerError::Archived { name: device.shown_name(), id: device.id })
    } else {
        Ok(())
    }
}

/// Returns the line to type on a device with our agent.
fn pairing_line(config: &Config, pairing: &Pairing) -> String {
    format!("heartbeat-agent pair {} {}", config.live_url.as_str().trim_end_matches('/'), pairing.code)
}
