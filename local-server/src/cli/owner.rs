//! The commands of the owner, which the running server carries out.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{
    alerts::{self, AlertCommand, ChannelCommand},
    json::json,
};

/// A command of the owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnerCommand {
    /// Shows how things are.
    Status,
    /// Lists all devices.
    List,
    /// Registers a device.
    Add {
        /// Name of the new device.
        name: String,
    },
    /// Changes something about a device.
    Change {
        /// Id or name of the device.
        device: String,
        /// What changes.
        change: DeviceChange,
    },
    /// Erases a device and its beats.
    Remove {
        /// Id or name of the device.
        device: String,
        /// Whether the owner need not be asked.
        is_confirmed: bool,
    },
    /// Replaces the token of a device.
    Token {
        /// Id or name of the device.
        device: String,
    },
    /// Makes a pairing code for a device.
    Pair {
        /// Id or name of the device.
        device: String,
    },
    /// Does something with channels.
    Channels(ChannelCommand),
    /// Does something with alerts.
    Alerts(AlertCommand),
    /// Says that the owner is well.
    Ok,
    /// Shows the snooze.
    ShowSnooze,
    /// Sets or ends the snooze.
    Snooze {
        /// The end, in words: `3d`, `until …` or `off`.
        when: Vec<String>,
        /// Note of the owner.
        note: Option<String>,
    },
}

/// A change of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceChange {
    /// Another name.
    Name(String),
    /// Whether it appears in public.
    Hidden(bool),
    /// Whether it is archived.
    Archived(bool),
}

/// Returns the commands of the owner.
pub(super) fn commands() -> [Command; 6] {
    [status(), devices(), alerts::channels(), alerts::alerts(), ok(), snooze()]
}

/// Returns the command of the owner that `matches` of the subcommand `name` hold; `None` if it is none of theirs.
pub(super) fn parse(name: &str, matches: &ArgMatches) -> Option<OwnerCommand> {
    Some(match (name, matches.subcommand()) {
        ("status", _) => OwnerCommand::Status,
        ("channels", _) => OwnerCommand::Channels(alerts::parse_channels(matches)),
        ("alerts", _) => OwnerCommand::Alerts(alerts::parse_alerts(matches)),
        ("ok", _) => OwnerCommand::Ok,
        ("snooze", _) => {
            let when: Vec<String> = matches.get_many("when").unwrap_or_default().cloned().collect();
            let note = matches.get_one("note").cloned();
            if when.is_empty() { OwnerCommand::ShowSnooze } else { OwnerCommand::Snooze { when, note } }
        }
        ("devices", Some((name, matches))) => parse_devices(name, matches),
        ("devices", None) => OwnerCommand::List,
        _ => return None,
    })
}

fn parse_devices(name: &str, matches: &ArgMatches) -> OwnerCommand {
    let text = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
    let device = || text("device");
    let change = |change| OwnerCommand::Change { device: device(), change };
    match name {
        "add" => OwnerCommand::Add { name: text("name") },
        "rename" => change(DeviceChange::Name(text("name"))),
        "hide" => change(DeviceChange::Hidden(true)),
        "show" => change(DeviceChange::Hidden(false)),
        "archive" => change(DeviceChange::Archived(!matches.get_flag("undo"))),
        "remove" => OwnerCommand::Remove { device: device(), is_confirmed: matches.get_flag("yes") },
        "token" => OwnerCommand::Token { device: device() },
        "pair" => OwnerCommand::Pair { device: device() },
        _ => OwnerCommand::List,
    }
}

fn status() -> Command {
    Command::new("status").about("Show how you and your devices are").arg(json())
}

fn devices() -> Command {
    let named =
        |name: &'static str, about: &'static str| Command::new(name).about(about).arg(device()).arg(json());
    let name = || Arg::new("name").required(true).value_name("NAME").help("Name, at most 100 characters");
    Command::new("devices")
        .about("List, add and change your devices, through the running server")
        .arg(json())
        .subcommand(Command::new("list").about("List all devices (the default command)").arg(json()))
        .subcommand(
            Command::new("add")
                .about("Register a device; prints its token and a pairing code")
                .arg(name())
                .arg(json()),
        )
        .subcommand(Command::new("rename").about("Give a device another name").args([
            device(),
            name(),
            json(),
        ]))
        .subcommand(named("hide", "Keep a device out of everything public; its beats still count"))
        .subcommand(named("show", "Show a hidden device to everybody again"))
        .subcommand(named("archive", "Hide a device, and end its token; its beats still count").arg(
            Arg::new("undo").long("undo").action(ArgAction::SetTrue).help("Bring it back, without a token"),
        ))
        .subcommand(named("remove", "Erase a device and its beats").arg(
            Arg::new("yes").long("yes").action(ArgAction::SetTrue).help("Do not ask for its name first"),
        ))
        .subcommand(named("token", "Give a device a new token; the old one is dead at once"))
        .subcommand(named("pair", "Make a pairing code for a device, good for ten minutes"))
}

fn ok() -> Command {
    Command::new("ok").about("Say that you are well: the clocks of all alerts start again")
}

fn snooze() -> Command {
    let when = Arg::new("when")
        .value_name("WHEN")
        .num_args(0..)
        .help("3d, 12h, until 2026-12-24, until 18:00, or off; nothing shows the snooze");
    let note = Arg::new("note").long("note").value_name("TEXT").requires("when").help("Note to yourself");
    Command::new("snooze").about("Keep alerts quiet for a while").args([when, note, json()])
}

fn device() -> Arg {
    Arg::new("device").required(true).value_name("DEVICE").help("Id or name of the device")
}
