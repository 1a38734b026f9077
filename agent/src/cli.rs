//! The command line.

use std::{ffi::OsString, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, builder::PossibleValuesParser, error::ErrorKind};

use crate::{
    server_url::ServerUrl,
    sources::{KINDS, Kind},
};

/// What to do.
#[derive(Debug)]
pub(crate) enum Action {
    Setup { url: ServerUrl, token_command: Option<String>, ca_file: Option<PathBuf> },
    Pair { url: ServerUrl, code: String, ca_file: Option<PathBuf> },
    Run { source: Option<Kind>, replace: bool, log_to_file: bool },
    Once,
    Status { json: bool },
    Pause { when: Vec<String> },
    Install,
    Uninstall,
}

/// Text to print instead.
#[derive(Debug)]
pub(crate) enum EarlyExit {
    /// Help or version, as requested.
    Output(String),
    /// What is wrong with the command line.
    UsageError(String),
}

/// Parses the command line, whose first argument is the program's own name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Action, EarlyExit> {
    let matches = command().try_get_matches_from(arguments).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => EarlyExit::Output(error.render().to_string()),
        _ => EarlyExit::UsageError(error.render().to_string()),
    })?;
    let (name, matches) = matches.subcommand().unwrap_or(("status", &matches));
    let url = || required::<ServerUrl>(matches, "url");
    let ca_file = || matches.get_one::<PathBuf>("ca-file").cloned();
    Ok(match name {
        "setup" => Action::Setup {
            url: url(),
            token_command: matches.get_one::<String>("token-command").cloned(),
            ca_file: ca_file(),
        },
        "pair" => Action::Pair { url: url(), code: required(matches, "code"), ca_file: ca_file() },
        "run" => Action::Run {
            source: matches.get_one::<String>("source").and_then(|name| kind(name)),
            replace: matches.get_flag("replace"),
            log_to_file: matches.get_flag("log-to-file"),
        },
        "once" => Action::Once,
        "pause" => {
            Action::Pause { when: matches.get_many::<String>("when").unwrap_or_default().cloned().collect() }
        }
        "install" => Action::Install,
        "uninstall" => Action::Uninstall,
        _ => Action::Status { json: matches.get_flag("json") },
    })
}

/// Returns the value of a required argument.
fn required<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> T {
    matches.get_one::<T>(name).cloned().expect("clap has seen to it that it is there")
}

fn kind(name: &str) -> Option<Kind> {
    KINDS.iter().copied().find(|kind| kind.name() == name)
}

fn command() -> Command {
    let url = Arg::new("url")
        .required(true)
        .value_name("URL")
        .value_parser(|text: &str| text.parse::<ServerUrl>())
        .help("The server, such as https://beat.example.org or unix:/run/heartbeat.sock");
    let ca_file = Arg::new("ca-file")
        .long("ca-file")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help("PEM file of the certificates to trust instead of the system's");
    let token_command = Arg::new("token-command")
        .long("token-command")
        .value_name("COMMAND")
        .help("Command that prints the token, run by the shell each time the agent starts");
    let source = Arg::new("source")
        .long("source")
        .value_name("KIND")
        .value_parser(PossibleValuesParser::new(KINDS.iter().map(|kind| kind.name())))
        .help("Source of input to take, instead of the best one that is there");
    let replace = Arg::new("replace")
        .long("replace")
        .action(ArgAction::SetTrue)
        .hide(cfg!(windows))
        .help("Stop the agent that runs already, and run in its place");
    let log_to_file = Arg::new("log-to-file")
        .long("log-to-file")
        .action(ArgAction::SetTrue)
        .help("Log to a file of bounded size beside the agent's other files, where no journal keeps the log");
    let when = Arg::new("when")
        .required(true)
        .num_args(1..=2)
        .value_name("WHEN")
        .help("A duration such as 2h, `until 18:00`, or `off`");
    let json = Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print JSON");
    Command::new("heartbeat-agent")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Beats at a Heartbeat server once a minute while this device is used")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("setup")
                .about("Save the server and the token, which is read from a prompt or standard input")
                .args([url.clone(), token_command, ca_file.clone()]),
        )
        .subcommand(
            Command::new("pair")
                .about("Save the server and the token that it gives for a pairing code")
                .args([
                    url,
                    Arg::new("code").required(true).value_name("CODE").help("Such as BCDF-GHJK"),
                    ca_file,
                ]),
        )
        .subcommand(Command::new("install").about("Send a test beat, and start the agent with your session"))
        .subcommand(Command::new("uninstall").about("Stop the agent and remove all its files"))
        .subcommand(
            Command::new("status").about("Say what the agent sees, and why it beats or not").arg(json),
        )
        .subcommand(Command::new("pause").about("Send no beats for a while").arg(when))
        .subcommand(Command::new("once").about("Send one beat now"))
        .subcommand(Command::new("run").about("Beat while this device is used, until stopped").args([
            source,
            replace,
            log_to_file,
        ]))
}
