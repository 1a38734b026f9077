//! The option of all commands that print something.

use clap::{Arg, ArgAction};

pub(super) fn json() -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print JSON, for programs")
}
