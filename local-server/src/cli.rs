//! The command line. Its flags are generated from the table of configuration keys.
//!
//! - [`owner`]: the commands of the owner.
//! - [`alerts`]: those about channels and alerts.

pub mod alerts;
mod json;
pub mod owner;

use std::{ffi::OsString, path::PathBuf};

use clap::{
    Arg, ArgMatches, Command,
    builder::ValueParser,
    error::{ContextKind, ContextValue, ErrorKind},
};
use heartbeat_core::config::{Flags, KEYS};

use owner::OwnerCommand;

/// The command to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Runs the server.
    Run,
    /// Brings the tables up to date.
    #[cfg(feature = "migrate")]
    Migrate,
    /// Writes everything to standard output.
    #[cfg(feature = "migrate")]
    Export,
    /// Reads an export from standard input.
    #[cfg(feature = "migrate")]
    Import,
    /// Fills an empty database with invented beats.
    #[cfg(feature = "migrate")]
    Demo,
    /// Checks the health of a running server.
    Health,
    /// Prints a fresh secret key.
    GenKey,
    /// Has the running server carry out a command of the owner.
    Owner {
        /// The command.
        command: OwnerCommand,
        /// Whether to print JSON.
        json: bool,
    },
}

/// A valid command line.
#[derive(Debug)]
pub struct Invocation {
    /// The command to run.
    pub action: Action,
    /// Settings on the command line.
    pub flags: Flags,
}

/// Text to print instead of running a command.
#[derive(Debug)]
pub enum EarlyExit {
    /// Help or version, as requested.
    Output(String),
    /// One line about an error on the command line.
    UsageError(String),
}

/// Parses the command line, whose first argument is the program's own name. The error is what to print instead of
/// running a command.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, EarlyExit> {
    let matches = command().try_get_matches_from(arguments).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => EarlyExit::Output(error.render().to_string()),
        _ => EarlyExit::UsageError(describe(&error)),
    })?;
    let (action, matches) = match matches.subcommand() {
        #[cfg(feature = "migrate")]
        Some(("migrate", inner)) => (Action::Migrate, inner),
        #[cfg(feature = "migrate")]
        Some(("export", inner)) => (Action::Export, inner),
        #[cfg(feature = "migrate")]
        Some(("import", inner)) => (Action::Import, inner),
        #[cfg(feature = "migrate")]
        Some(("demo", inner)) => (Action::Demo, inner),
        Some(("health", inner)) => (Action::Health, inner),
        Some(("gen-key", inner)) => (Action::GenKey, inner),
        Some((name, inner)) => match owner::parse(name, inner) {
            Some(command) => {
                let innermost = inner.subcommand().map_or(inner, |(_, innermost)| innermost);
                let json = [inner, innermost].iter().any(|it| is_set(it, "json"));
                (Action::Owner { command, json }, innermost)
            }
            None => (Action::Run, inner),
        },
        None => (Action::Run, &matches),
    };
    Ok(Invocation { action, flags: flags(matches) })
}

/// Whether a flag that only some commands have is set.
fn is_set(matches: &ArgMatches, flag: &str) -> bool {
    matches.try_get_one::<bool>(flag).ok().flatten().copied().unwrap_or_default()
}

fn flags(matches: &ArgMatches) -> Flags {
    let values = KEYS.iter().filter_map(|key| {
        let value = matches.get_one::<String>(key.name)?;
        Some((key.name, value.clone()))
    });
    Flags { values: values.collect(), config_file: matches.get_one::<PathBuf>("config-file").cloned() }
}

/// Returns the description of the command line.
#[must_use]
pub fn command() -> Command {
    let keys = KEYS.iter().map(|key| {
        let flag = Arg::new(key.name)
            .long(key.flag())
            .help(format!("{} [default: {}]", key.help, key.describe_default()))
            .value_name("value");
        match key.short {
            Some(short) => flag.short(short),
            None => flag,
        }
    });
    let config_file = Arg::new("config-file")
        .long("config-file")
        .short('c')
        .value_name("path")
        .value_parser(ValueParser::path_buf())
        .help("Configuration file [default: config.toml in $HEARTBEAT_HOME, which is ~/.heartbeat]");
    let command = Command::new("heartbeat")
        .version(env!("VERSION_AND_COMMIT"))
        .about("Shows the world how long ago your devices were last in use")
        .args(
            keys.chain([config_file])
                // A generated key may begin with a dash.
                .map(|flag| flag.global(true).allow_hyphen_values(true).help_heading("Settings")),
        )
        .subcommand(Command::new("run").about("Run the server (the default command)"))
        .subcommand(
            Command::new("health")
                .about("Check the health of the running server: exit code 0 if it is healthy"),
        )
        .subcommand(Command::new("gen-key").about("Print a fresh secret key. A key of your own should have at least 16 characters, chosen at random"))
        .subcommands(owner::commands());
    #[cfg(feature = "migrate")]
    let command = command
        .subcommand(Command::new("migrate").about("Bring the tables in the database up to date, then exit"))
        .subcommand(Command::new("export").about("Write everything in the database to standard output"))
        .subcommand(Command::new("import").about("Read an export from standard input into an empty database"))
        .subcommand(
            Command::new("demo").about(
                "Fill an empty database with two invented years of three devices, to try Heartbeat with",
            ),
        );
    command
}

/// Describes an error in one line. Values are left out, since one of them may be a secret.
fn describe(error: &clap::Error) -> String {
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) if argument.starts_with('-') => {
            argument.split(['=', ' ']).next().unwrap_or_default()
        }
        _ => "an argument",
    };
    let problem = match error.kind() {
        ErrorKind::UnknownArgument => format!("{argument} (command line): unknown"),
        ErrorKind::ArgumentConflict => format!("{argument} (command line): expected only once"),
        ErrorKind::InvalidValue => format!("{argument} (command line): expected a value"),
        ErrorKind::InvalidUtf8 => "command line: expected text in UTF-8".to_owned(),
        ErrorKind::InvalidSubcommand => "command line: unknown command".to_owned(),
        ErrorKind::MissingRequiredArgument => format!("command line: expected {}", missing(error)),
        kind => format!("{argument} (command line): {kind}"),
    };
    format!("{problem}; heartbeat --help lists commands and flags")
}

/// Returns the names of the arguments that are missing.
fn missing(error: &clap::Error) -> String {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(names)) => names.join(" "),
        _ => "another argument".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_line(line: &str) -> Result<Invocation, EarlyExit> {
        parse(line.split(' ').map(OsString::from))
    }

    fn usage_error(line: &str) -> String {
        match parse_line(line) {
            Err(EarlyExit::UsageError(line)) => line,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_table_of_keys_makes_a_sound_command_line() {
        command().debug_assert();
    }

    #[test]
    fn flags_may_stand_before_and_after_the_command() {
        for line in ["heartbeat -b [::1]:1", "heartbeat --bind [::1]:1 run", "heartbeat run --bind=[::1]:1"] {
            let invocation = parse_line(line).expect("a valid command line");
            assert_eq!(invocation.action, Action::Run);
            assert_eq!(invocation.flags.values["bind"], "[::1]:1");
        }
    }

    #[test]
    fn a_key_may_begin_with_a_dash() {
        let invocation = parse_line("heartbeat -s -key").expect("a valid command line");
        assert_eq!(invocation.flags.values["secret_key"], "-key");
    }

    #[test]
    fn commands_of_the_owner_are_understood() {
        for (line, expected, json) in [
            ("heartbeat devices", OwnerCommand::List, false),
            ("heartbeat devices --json", OwnerCommand::List, true),
            ("heartbeat devices list --json", OwnerCommand::List, true),
            ("heartbeat devices add Laptop", OwnerCommand::Add { name: "Laptop".to_owned() }, false),
            (
                "heartbeat devices archive 7 --undo",
                OwnerCommand::Change { device: "7".to_owned(), change: owner::DeviceChange::Archived(false) },
                false,
            ),
            (
                "heartbeat devices remove Laptop --yes",
                OwnerCommand::Remove { device: "Laptop".to_owned(), is_confirmed: true },
                false,
            ),
            ("heartbeat snooze", OwnerCommand::ShowSnooze, false),
            (
                "heartbeat snooze until 18:00 --note hills",
                OwnerCommand::Snooze {
                    when: vec!["until".to_owned(), "18:00".to_owned()],
                    note: Some("hills".to_owned()),
                },
                false,
            ),
        ] {
            let invocation = parse_line(line).expect(line);
            assert_eq!(invocation.action, Action::Owner { command: expected, json }, "{line}");
        }
        let invocation =
            parse_line("heartbeat devices -b [::1]:1 list -s -key").expect("a valid command line");
        assert_eq!(invocation.flags.values["bind"], "[::1]:1");
        assert_eq!(invocation.flags.values["secret_key"], "-key");
    }

    #[test]
    fn mistakes_are_named_in_one_line_without_values() {
        insta::assert_snapshot!(
            usage_error("heartbeat --sekret-key=hush"),
            @"--sekret-key (command line): unknown; heartbeat --help lists commands and flags"
        );
        insta::assert_snapshot!(
            usage_error("heartbeat --secret-key hush hush"),
            @"command line: unknown command; heartbeat --help lists commands and flags"
        );
        insta::assert_snapshot!(
            usage_error("heartbeat --bind a --bind b"),
            @"--bind (command line): expected only once; heartbeat --help lists commands and flags"
        );
        insta::assert_snapshot!(
            usage_error("heartbeat --bind"),
            @"--bind (command line): expected a value; heartbeat --help lists commands and flags"
        );
        insta::assert_snapshot!(
            usage_error("heartbeat devices rename hush"),
            @"command line: expected <NAME>; heartbeat --help lists commands and flags"
        );
        insta::assert_snapshot!(
            usage_error("heartbeat run hush"),
            @"an argument (command line): unknown; heartbeat --help lists commands and flags"
        );
    }
}
