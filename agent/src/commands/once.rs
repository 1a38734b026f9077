//! `once`: sends one beat now.

use crate::{beat::Answer, config::Config, exit::Failure, log, paths::Paths, rule::Outcome};

/// Sends a beat, whether or not the device is used.
pub(super) fn once(paths: &Paths) -> Result<(), Failure> {
    let config = Config::load(&paths.config_file())?;
    let (client, token) = super::connect(&config)?;
    let answer = client.beat(&token);
    let text = accepted(answer)?;
    log::print(&text);
    Ok(())
}

/// Returns the answer's text if the beat was recorded.
pub(super) fn accepted(Answer { outcome, text }: Answer) -> Result<String, Failure> {
    match outcome {
        Outcome::Recorded => Ok(text),
        Outcome::UnknownToken => Err(Failure::Refused(format!(
            "{text}; make a new one, as the server's documentation says, and run `heartbeat-agent setup` again"
        ))),
        Outcome::Refused => Err(Failure::Refused(text)),
        Outcome::Busy(_) | Outcome::Failed => Err(Failure::NoAnswer(text)),
    }
}
