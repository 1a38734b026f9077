//! The commands about channels and alerts.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::json::json;

/// A command about channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelCommand {
    /// Lists all channels.
    List,
    /// Adds a channel, whose secret is read from a prompt or standard input.
    Add {
        /// Kind, such as `ntfy`.
        kind: String,
        /// Name of the new channel.
        name: String,
        /// Whether the owner reads it, and not a friend.
        is_owners: bool,
        /// Settings that are no secrets, as `name=value`.
        settings: Vec<String>,
        /// Kinds of events that it wants.
        events: Vec<String>,
    },
    /// Sends a test through a channel.
    Test(String),
    /// Has dead letters of a channel sent again.
    Resend(String),
    /// Enables a channel again.
    Enable(String),
    /// Deletes a channel.
    Remove(String),
}

/// A command about alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertCommand {
    /// Lists all alerts.
    List,
    /// Adds an alert.
    Add(Box<NewAlert>),
    /// Enables or disables an alert.
    Enable {
        /// Id or name of the alert.
        alert: String,
        /// Whether it is to fire.
        enabled: bool,
    },
    /// Fires a test of an alert.
    Test(String),
    /// Deletes an alert.
    Remove(String),
    /// Shows when an alert would have fired.
    Preview {
        /// Length of the absence.
        after: String,
        /// Id or name of the device whose absence it is.
        device: Option<String>,
        /// Time of the day that is not counted.
        rest: Option<String>,
    },
}

/// An alert to add.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewAlert {
    /// Length of the absence.
    pub after: String,
    /// Name of the alert.
    pub name: Option<String>,
    /// Id or name of the device whose absence it is.
    pub device: Option<String>,
    /// Ids or names of the channels that are told.
    pub channels: Vec<String>,
    /// Interval of repetitions.
    pub repeat: Option<String>,
    /// Time of the day that is not counted.
    pub rest: Option<String>,
    /// Time of the day for which notifications to the owner wait.
    pub quiet: Option<String>,
    /// The owner's own words.
    pub message: Option<String>,
}

/// Returns the command about channels that `matches` hold.
pub(super) fn parse_channels(matches: &ArgMatches) -> ChannelCommand {
    let Some((name, matches)) = matches.subcommand() else { return ChannelCommand::List };
    let channel = || text(matches, "channel").unwrap_or_default();
    match name {
        "add" => ChannelCommand::Add {
            kind: text(matches, "kind").unwrap_or_default(),
            name: text(matches, "name").unwrap_or_default(),
            is_owners: matches.get_flag("owner"),
            settings: texts(matches, "set"),
            events: texts(matches, "event"),
        },
        "test" => ChannelCommand::Test(channel()),
        "resend" => ChannelCommand::Resend(channel()),
        "enable" => ChannelCommand::Enable(channel()),
        "remove" => ChannelCommand::Remove(channel()),
        _ => ChannelCommand::List,
    }
}

/// Returns the command about alerts that `matches` hold.
pub(super) fn parse_alerts(matches: &ArgMatches) -> AlertCommand {
    let Some((name, matches)) = matches.subcommand() else { return AlertCommand::List };
    let alert = || text(matches, "alert").unwrap_or_default();
    match name {
        "add" => AlertCommand::Add(Box::new(NewAlert {
            after: text(matches, "after").unwrap_or_default(),
            name: text(matches, "name"),
            device: text(matches, "device"),
            channels: texts(matches, "channel"),
            repeat: text(matches, "repeat"),
            rest: text(matches, "rest"),
            quiet: text(matches, "quiet"),
            message: text(matches, "message"),
        })),
        "enable" => AlertCommand::Enable { alert: alert(), enabled: true },
        "disable" => AlertCommand::Enable { alert: alert(), enabled: false },
        "test" => AlertCommand::Test(alert()),
        "remove" => AlertCommand::Remove(alert()),
        "preview" => AlertCommand::Preview {
            after: text(matches, "after").unwrap_or_default(),
            device: text(matches, "device"),
            rest: text(matches, "rest"),
        },
        _ => AlertCommand::List,
    }
}

/// Describes `heartbeat channels`.
pub(super) fn channels() -> Command {
    let named = |name: &'static str, about: &'static str| {
        let channel = required("channel", "CHANNEL", "Id or name of the channel");
        Command::new(name).about(about).args([channel, json()])
    };
    Command::new("channels")
        .about("List, add and try the channels that notifications go to, through the running server")
        .arg(json())
        .subcommand(Command::new("list").about("List all channels (the default command)").arg(json()))
        .subcommand(
            Command::new("add")
                .about("Add a channel; its secret is read from a prompt or standard input")
                .args([
                    required("kind", "KIND", "discord, ntfy, webhook, mail or telegram"),
                    required("name", "NAME", "Name, at most 100 characters"),
                    flag(
                        "owner",
                        "You read it yourself; without this a friend does, who is asked to confirm it",
                    ),
                    many(
                        "set",
                        "SETTING=VALUE",
                        "A setting that is no secret, such as topic=anna-b7d1; may be repeated",
                    ),
                    many("event", "EVENT", "Kind of event that it wants besides alerts; may be repeated"),
                    json(),
                ]),
        )
        .subcommand(named("test", "Send a test through a channel"))
        .subcommand(named("resend", "Send again what could not be sent, and was given up"))
        .subcommand(named("enable", "Enable a channel again that its service or its reader disabled"))
        .subcommand(named("remove", "Delete a channel, with what waits for it"))
}

/// Describes `heartbeat alerts`.
pub(super) fn alerts() -> Command {
    let named = |name: &'static str, about: &'static str| {
        let alert = required("alert", "ALERT", "Id or name of the alert");
        Command::new(name).about(about).args([alert, json()])
    };
    let after = || required("after", "AFTER", "Length of the absence: 45m, 36h, 7d, or unusual");
    let device = || option("device", "DEVICE", "Id or name of the device whose absence it is");
    let rest = || option("rest", "WINDOW", "Time of the day that is not counted, such as 23:00-07:00");
    Command::new("alerts")
        .about("List, add and try alerts, which tell your channels while you are silent, through the running server")
        .arg(json())
        .subcommand(Command::new("list").about("List all alerts (the default command)").arg(json()))
        .subcommand(Command::new("add").about("Add an alert").args([
            after(),
            option("name", "NAME", "Name; by default it says the length"),
            device(),
            many("channel", "CHANNEL", "Id or name of a channel to tell; may be repeated"),
            option("repeat", "INTERVAL", "Interval of repetitions, such as 12h"),
            rest(),
            option("quiet", "WINDOW", "Time of the day for which notifications to you wait"),
            option("message", "TEXT", "Your own words, which come first"),
            json(),
        ]))
        .subcommand(named("enable", "Let an alert fire"))
        .subcommand(named("disable", "Let an alert fire no more"))
        .subcommand(named("test", "Fire a test of an alert: all its channels are told"))
        .subcommand(named("remove", "Delete an alert"))
        .subcommand(
            Command::new("preview")
                .about("Show when such an alert would have fired in the last year")
                .args([after(), device(), rest(), json()]),
        )
}

fn text(matches: &ArgMatches, name: &str) -> Option<String> {
    matches.get_one::<String>(name).cloned()
}

fn texts(matches: &ArgMatches, name: &str) -> Vec<String> {
    matches.get_many::<String>(name).unwrap_or_default().cloned().collect()
}

fn required(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).required(true).value_name(value).help(help)
}

fn option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn many(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    option(name, value, help).action(ArgAction::Append)
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}
