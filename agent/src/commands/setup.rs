//! `setup URL`: saves the server and the token.

use std::{
    io::{self, IsTerminal},
    path::Path,
};

use crate::{
    config::{self, TokenSource},
    exit::Failure,
    log,
    paths::Paths,
    server_url::ServerUrl,
    token::Token,
};

/// Saves `url` and the token, or the command that prints it. The token comes from a prompt that does not show it, or
/// from standard input: on a command line, other users of the machine could see it.
pub(super) fn setup(
    paths: &Paths,
    url: &ServerUrl,
    token_command: Option<String>,
    ca_file: Option<&Path>,
) -> Result<(), Failure> {
    let token = match token_command {
        Some(command) => {
            // Whether it works is best known now.
            Token::from_command(&command)?;
            TokenSource::Command(command)
        }
        None => TokenSource::Token(read_token()?),
    };
    save(paths, url, &token, ca_file)
}

/// Saves a configuration, and says what comes next.
pub(super) fn save(
    paths: &Paths,
    url: &ServerUrl,
    token: &TokenSource,
    ca_file: Option<&Path>,
) -> Result<(), Failure> {
    let file = paths.config_file();
    // The agent may be started from another folder.
    let ca_file = ca_file
        .map(|path| path.canonicalize().map_err(|error| Failure::File(path.to_owned(), error)))
        .transpose()?;
    config::save(&file, url, token, ca_file.as_deref())?;
    log::print(&format!("Saved {}, which you alone can read.", file.display()));
    if !url.is_private() {
        log::print("Over http, others on the way can read the token. Use https where the server has it.");
    }
    log::print("Next: heartbeat-agent install");
    Ok(())
}

fn read_token() -> Result<Token, Failure> {
    let text = if io::stdin().is_terminal() {
        rpassword::prompt_password("Token of this device (not shown): ")
    } else {
        io::read_to_string(io::stdin())
    };
    Ok(Token::try_from(text.map_err(Failure::Input)?)?)
}
