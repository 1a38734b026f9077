//! The token: a secret that cannot be printed, and the command that may know it.

use std::{
    fmt,
    process::{Command, Stdio},
};

use serde::{Deserialize, Serialize};

/// Longest token that is taken, in bytes: the server's own have 47.
const TOKEN_MAX_BYTES: usize = 512;

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
    NotRun(std::io::Error),
    /// The command failed.
    #[error("token_command failed ({0}); run it by hand to see why")]
    CommandFailed(std::process::ExitStatus),
}

impl Token {
    /// Returns the token for the header of a request, and for the configuration file.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the token that `command` prints, run by the system's shell. What it prints to standard error, such as
    /// the question of a password store, goes to the agent's own.
    pub(crate) fn from_command(command: &str) -> Result<Self, TokenError> {
        let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
        let output = Command::new(shell)
            .args([flag, command])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(TokenError::NotRun)?;
        if !output.status.success() {
            return Err(TokenError::CommandFailed(output.status));
        }
        Self::try_from(String::from_utf8(output.stdout).map_err(|_| TokenError::Malformed)?)
    }
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
