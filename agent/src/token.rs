//! The token: a secret that cannot be printed, and the command that may know it.

use std::{
    fmt, io,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

/// Longest token that is taken, in bytes: the server's own have 47.
const TOKEN_MAX_BYTES: usize = 512;

/// Timeout of a `token_command`: a password store may have to ask for its own password.
const COMMAND_TIMEOUT: Duration = Duration::from_mins(1);

/// Interval of looks whether a `token_command` has ended.
const COMMAND_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Token of this device.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Token(String);

/// Reason why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// Not what a token looks like.
    #[error("expected a token as the server made it: one line of visible ASCII characters")]
    Malformed,
    /// The command could not be run.
    #[error("token_command could not be run: {0}")]
    NotRun(io::Error),
    /// The command did not end.
    #[error("token_command did not end within a minute; it has no terminal to ask on")]
    TimedOut,
    /// The command failed.
    #[error("token_command failed ({0}); run it by hand to see why")]
    CommandFailed(ExitStatus),
}

impl Token {
    /// Returns the token for the header of a request, and for the configuration file.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the token that `command` prints, run by the system's shell. What it prints to standard error, such as
    /// the question of a password store, goes to the agent's own.
    pub(crate) fn from_command(command: &str) -> Result<Self, TokenError> {
        let mut child = shell(command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(TokenError::NotRun)?;
        let stdout = child.stdout.take();
        let printed = thread::spawn(move || stdout.map_or(Ok(String::new()), io::read_to_string));
        let status = wait(&mut child)?;
        if !status.success() {
            return Err(TokenError::CommandFailed(status));
        }
        let printed = printed.join().unwrap_or_else(|_| Ok(String::new()));
        Self::try_from(printed.map_err(|_| TokenError::Malformed)?)
    }
}

/// Returns the end of a command that printed a token, or stops it after [`COMMAND_TIMEOUT`].
fn wait(child: &mut Child) -> Result<ExitStatus, TokenError> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(TokenError::NotRun)? {
            return Ok(status);
        }
        if started.elapsed() >= COMMAND_TIMEOUT {
            // It may have ended in this moment.
            let _ = child.kill();
            let _ = child.wait();
            return Err(TokenError::TimedOut);
        }
        thread::sleep(COMMAND_POLL_INTERVAL);
    }
}

/// Returns the system's shell, which is to run `command`.
#[cfg(unix)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]);
    shell
}

/// Returns the system's shell, which is to run `command`. It has its own way with quotes.
#[cfg(windows)]
fn shell(command: &str) -> Command {
    use std::os::windows::process::CommandExt;

    let mut shell = Command::new("cmd");
    shell.raw_arg(format!("/S /C \"{command}\""));
    shell
}

impl TryFrom<String> for Token {
    type Error = TokenError;

    fn try_from(text: String) -> Result<Self, TokenError> {
        let token = text.trim();
        let is_token = !token.is_empty()
            && token.len() <= TOKEN_MAX_BYTES
            && token.bytes().all(|byte| byte.is_ascii_graphic());
        is_token.then(|| Self(token.to_owned())).ok_or(TokenError::Malformed)
    }
}

impl From<Token> for String {
    fn from(token: Token) -> Self {
        token.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_visible_word_and_is_never_printed() {
        let token = Token::try_from("  hbt_1\n".to_owned()).expect("a token");
        assert_eq!(token.expose(), "hbt_1");
        assert_eq!(format!("{token:?}"), "Token(…)");
        for text in ["", " \n", "two words", "hbt_1\nhbt_2", "hbt_é"] {
            assert!(Token::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_command_may_know_the_token() {
        assert_eq!(Token::from_command("echo hbt_1").expect("a token").expose(), "hbt_1");
        assert!(matches!(Token::from_command("exit 3"), Err(TokenError::CommandFailed(_))));
        assert!(matches!(Token::from_command("true"), Err(TokenError::Malformed)));
    }
}
