//! Why the agent beats or not, in sentences. `status` and the log show them, and the documentation explains them.

use std::{
    fmt::{self, Display, Formatter},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// Whether the device is used, and what tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "usage", rename_all = "snake_case")]
pub(crate) enum Usage {
    /// Input came lately.
    Input {
        /// Time since.
        ago: Duration,
    },
    /// A video or a call keeps the screen on.
    KeptOn {
        /// Time since the last input.
        ago: Duration,
    },
    /// A video or a call has kept the screen on for too long.
    KeptOnTooLong {
        /// Time since the last input.
        ago: Duration,
    },
    /// No input lately.
    Idle {
        /// Time since the last input.
        ago: Duration,
    },
    /// No input since the agent started or the machine woke up.
    NoInputYet,
    /// The screen is locked.
    Locked,
    /// Another session has the screen.
    InBackground,
    /// The machine is about to sleep.
    Asleep,
    /// The user paused the agent.
    Paused {
        /// Unix time.
        until: i64,
    },
    /// Nothing here tells of input.
    NoSource,
}

impl Usage {
    /// Whether the device is used.
    pub(crate) fn is_use(self) -> bool {
        matches!(self, Self::Input { .. } | Self::KeptOn { .. })
    }
}

impl Display for Usage {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input { ago } => write!(formatter, "in use: last input {} ago", whole(*ago)),
            Self::KeptOn { ago } => {
                write!(
                    formatter,
                    "in use: a video or a call keeps the screen on, last input {} ago",
                    whole(*ago)
                )
            }
            Self::KeptOnTooLong { ago } => write!(
                formatter,
                "not in use: a video or a call keeps the screen on, but the last input was {} ago",
                whole(*ago)
            ),
            Self::Idle { ago } => write!(formatter, "not in use: last input {} ago", whole(*ago)),
            Self::NoInputYet => {
                formatter.write_str("not in use: no input since the agent started or the machine woke up")
            }
            Self::Locked => formatter.write_str("not in use: the screen is locked"),
            Self::InBackground => formatter.write_str("not in use: another session has the screen"),
            Self::Asleep => formatter.write_str("not in use: the machine is about to sleep"),
            Self::Paused { until } => write!(formatter, "paused until {}", local_time(*until)),
            Self::NoSource => formatter.write_str("not known: no source here tells of input"),
        }
    }
}

/// Whether a beat is due, if the device is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "due", content = "in", rename_all = "snake_case")]
pub(crate) enum Due {
    /// Now.
    Now,
    /// A minute after the last one.
    In(Duration),
    /// When the server wants to be asked again.
    RetryAfter(Duration),
    /// When to see whether the URL is right by then.
    Refused(Duration),
    /// Not before the token changes.
    UnknownToken,
}

impl Due {
    /// The same, as of `time` later.
    pub(crate) fn after(self, time: Duration) -> Self {
        match self {
            Self::In(delay) => Self::In(delay.saturating_sub(time)),
            Self::RetryAfter(delay) => Self::RetryAfter(delay.saturating_sub(time)),
            Self::Refused(delay) => Self::Refused(delay.saturating_sub(time)),
            Self::Now | Self::UnknownToken => self,
        }
    }

    /// Time until a beat is due; `None` if time alone will not make it so.
    pub(crate) fn delay(self) -> Option<Duration> {
        match self {
            Self::Now => Some(Duration::ZERO),
            Self::In(delay) | Self::RetryAfter(delay) | Self::Refused(delay) => Some(delay),
            Self::UnknownToken => None,
        }
    }
}

impl Display for Due {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => formatter.write_str("now"),
            Self::In(delay) => write!(formatter, "in {}", whole(*delay)),
            Self::RetryAfter(delay) => {
                write!(formatter, "in {}, when the server wants to be asked again", whole(*delay))
            }
            Self::Refused(delay) => write!(
                formatter,
                "in {}: the last answer was none of a Heartbeat server, so check the URL",
                whole(*delay)
            ),
            Self::UnknownToken => formatter.write_str(
                "not before the token changes: the server does not know it (401), so run `setup` again",
            ),
        }
    }
}

/// Returns a duration as people read it, in whole seconds.
pub(crate) fn whole(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_secs(duration.as_secs()))
}

/// Returns a Unix time as a wall clock shows it here.
pub(crate) fn local_time(unix: i64) -> String {
    let time = chrono::DateTime::from_timestamp(unix, 0).unwrap_or_default();
    time.with_timezone(&chrono::Local).naive_local().to_string()
}
