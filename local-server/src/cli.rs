//! The command line. Its flags are generated from the table of configuration keys.

use std::{ffi::OsString, path::PathBuf};

use clap::{
    Arg, ArgMatches, Command,
    builder::ValueParser,
    error::{ContextKind, ContextValue, ErrorKind},
};
use heartbeat_core::config::{Flags, KEYS};

/// The command to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Run,
    #[cfg(feature = "migrate")]
    Migrate,
    #[cfg(feature = "migrate")]
    Export,
    #[cfg(feature = "migrate")]
    Import,
    Health,
    GenKey,
}

/// A valid command line.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) action: Action,
    pub(crate) flags: Flags,
}

/// Text to print instead of running a command.
#[derive(Debug)]
pub(crate) enum EarlyExit {
    /// Help or version, as requested.
    Output(String),
    /// One line about an error on the command line.
    UsageError(String),
}

/// Parses the command line, whose first argument is the program's own name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, EarlyExit> {
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
        Some(("health", inner)) => (Action::Health, inner),
        Some(("gen-key", inner)) => (Action::GenKey, inner),
        Some((_, inner)) => (Action::Run, inner),
        None => (Action::Run, &matches),
    };
    Ok(Invocation { action, flags: flags(matches) })
}

fn flags(matches: &ArgMatches) -> Flags {
    let values = KEYS.iter().filter_map(|key| {
        let value = matches.get_one::<String>(key.name)?;
        Some((key.name, value.clone()))
    });
    Flags { values: values.collect(), config_file: matches.get_one::<PathBuf>("config-file").cloned() }
}

fn command() -> Command {
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
                .map(|flag| flag.global(true).allow_hyphen_values(true)),
        )
        .subcommand(Command::new("run").about("Run the server (the default command)"))
        .subcommand(
            Command::new("health")
                .about("Check the health of the running server: exit code 0 if it is healthy"),
        )
        .subcommand(Command::new("gen-key").about("Print a fresh secret key. A key of your own should have at least 16 characters, chosen at random"));
    #[cfg(feature = "migrate")]
    let command = command
        .subcommand(Command::new("migrate").about("Bring the tables in the database up to date, then exit"))
        .subcommand(Command::new("export").about("Write everything in the database to standard output"))
        .subcommand(
            Command::new("import").about("Read an export from standard input into an empty database"),
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
        kind => format!("{argument} (command line): {kind}"),
    };
    format!("{problem}; heartbeat --help lists commands and flags")
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
            usage_error("heartbeat run hush"),
            @"an argument (command line): unknown; heartbeat --help lists commands and flags"
        );
    }
}
