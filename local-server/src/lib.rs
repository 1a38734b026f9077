//! The command line of `heartbeat`: for the program, and for what generates its completions and its man pages.

pub mod cli;
