//! Exit codes and errors of the commands.

use std::{io, path::PathBuf, process::ExitCode};

use crate::{
    autostart::AutostartError,
    beat::{ClientError, PairError},
    config::ConfigError,
    paths::NoHome,
    token::TokenError,
};

/// Error that ends a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The configuration is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The configuration names a server that cannot be asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// There is no token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// No folder to keep files in.
    #[error(transparent)]
    Home(#[from] NoHome),
    /// Autostart cannot be set up.
    #[error(transparent)]
    Autostart(#[from] AutostartError),
    /// A file of the agent's own.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// The terminal or standard input.
    #[error("the token could not be read: {0}")]
    Input(io::Error),
    /// A wrong argument.
    #[error("{0}")]
    Usage(String),
    /// The server did not take what was sent.
    #[error("{0}")]
    Refused(String),
    /// The server could not be asked.
    #[error("{0}")]
    NoAnswer(String),
    /// No agent runs.
    #[error("the agent is not running; `heartbeat-agent install` starts it with your session")]
    NotRunning,
    /// Another agent runs.
    #[error("the agent of this user runs already; `heartbeat-agent status` shows what it sees")]
    RunsAlready,
}

impl Failure {
    /// Exit code, as the documentation lists them. The last one is `EX_CONFIG` of `sysexits.h`, for which systemd is told
    /// not to start the agent again.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::File(..)
            | Self::Autostart(_)
            | Self::Input(_)
            | Self::RunsAlready
            // A password store may be open the next time.
            | Self::Token(TokenError::NotRun(_) | TokenError::CommandFailed(_) | TokenError::TimedOut) => 1,
            Self::Usage(_) => 2,
            Self::NotRunning => 3,
            Self::Refused(_) => 4,
            Self::NoAnswer(_) => 5,
            Self::Config(_) | Self::Client(_) | Self::Token(_) | Self::Home(_) => 78,
        }
    }
}

impl From<PairError> for Failure {
    fn from(error: PairError) -> Self {
        match error {
            PairError::Refused(text) => Self::Refused(text),
            PairError::NoAnswer(text) => Self::NoAnswer(text),
        }
    }
}

impl From<&Failure> for ExitCode {
    fn from(failure: &Failure) -> Self {
        failure.code().into()
    }
}
