//! The commands, a file each.

mod install;
mod once;
mod pair;
mod pause;
mod run;
mod setup;
mod status;

use std::{env, path::PathBuf};

use crate::{beat::Client, cli::Action, config::Config, exit::Failure, log, paths::Paths, token::Token};

/// Carries a command out.
pub(crate) fn execute(action: Action) -> Result<(), Failure> {
    let paths = Paths::of(|name| env::var_os(name).map(PathBuf::from))?;
    match action {
        Action::Setup { url, token_command, ca_file } => {
            setup::setup(&paths, &url, token_command, ca_file.as_deref())
        }
        Action::Pair { url, code, ca_file } => pair::pair(&paths, &url, &code, ca_file.as_deref()),
        Action::Run { source, replace, log_to_file } => {
            if log_to_file {
                log::to_file(paths.log_file());
            }
            run::run(&paths, source, replace)
        }
        Action::Once => once::once(&paths),
        Action::Status { json } => status::status(&paths, json),
        Action::Pause { when } => pause::pause(&paths, &when),
        Action::Install => install::install(&paths),
        Action::Uninstall => install::uninstall(&paths),
    }
}

/// Returns what the configuration says is needed to beat.
fn connect(config: &Config) -> Result<(Client, Token), Failure> {
    let client = Client::new(config.url.clone(), config.ca_file.as_deref())?;
    let token = match (&config.token, &config.token_command) {
        (Some(token), _) => token.clone(),
        (None, command) => Token::from_command(command.as_deref().unwrap_or_default())?,
    };
    Ok((client, token))
}
