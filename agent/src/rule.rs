//! When to beat: a pure rule. It knows neither clocks nor sources nor the server; it is told what they say.

use std::time::Duration;

use crate::{
    clock::{Awake, Moment},
    reason::{Due, Usage},
};

/// Interval between beats. The server counts minutes; a shorter one would show nothing more.
pub(crate) const BEAT_INTERVAL: Duration = Duration::from_mins(1);

/// Time after the last input for which a video or a call counts as use: longer than a film, shorter than a night.
pub(crate) const KEPT_ON_MAX: Duration = Duration::from_hours(3);

/// Delay after an answer that says the URL is wrong. It may be right again when a proxy in between is.
pub(crate) const REFUSED_DELAY: Duration = Duration::from_hours(1);

/// Delay after 429 and 503 without `Retry-After`.
pub(crate) const RETRY_DELAY: Duration = Duration::from_mins(1);

/// Upper bound of `Retry-After`: a mistake there must not silence a device for good.
pub(crate) const RETRY_DELAY_MAX: Duration = Duration::from_hours(24);

/// Time asleep from which on the machine has slept. Two readings of two clocks are never of the same moment.
pub(crate) const SLEPT_MIN: Duration = Duration::from_secs(2);

/// What the sources say.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Observation {
    /// Whether there is a source of input at all.
    pub(crate) has_source: bool,
    /// Last input, if known.
    pub(crate) last_input: Option<Awake>,
    /// Whether a video or a call keeps the screen on.
    pub(crate) kept_on: bool,
    /// Whether the screen is locked.
    pub(crate) locked: bool,
    /// Whether another session has the screen.
    pub(crate) in_background: bool,
    /// Whether the machine is about to sleep.
    pub(crate) falling_asleep: bool,
    /// When it last woke up, or stayed awake after all. The clocks tell of a sleep, but not of one that was short, nor
    /// of the moment in which the system was back.
    pub(crate) woke_up: Option<Awake>,
    /// Unix time until which the user paused the agent.
    pub(crate) paused_until: Option<i64>,
}

/// What became of a beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was recorded.
    Recorded,
    /// The server does not know the token (401).
    UnknownToken,
    /// The URL is probably wrong: an answer that no Heartbeat gives.
    Refused,
    /// The server asks for this delay.
    Busy(Option<Duration>),
    /// No answer, or one that says the server is broken.
    Failed,
}

/// What to do now, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Whether the device is used.
    pub(crate) usage: Usage,
    /// Whether a beat is due, if it is used.
    pub(crate) due: Due,
}

impl Decision {
    /// Whether to send a beat now.
    pub(crate) fn beats(self) -> bool {
        self.usage.is_use() && self.due == Due::Now
    }
}

/// Memory of the rule.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    idle_after: Duration,
    /// Input before this does not count: the agent was not there, or the machine slept since.
    present_since: Awake,
    asleep: Duration,
    /// Time since boot before which no beat is sent, and why.
    not_before: Duration,
    waits_for: Wait,
    token_is_unknown: bool,
}

/// Reason of a delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    Interval,
    RetryAfter,
    Refused,
}

impl Rule {
    /// Returns the rule of an agent that starts at `now`.
    pub(crate) fn new(idle_after: Duration, now: Moment) -> Self {
        Self {
            idle_after,
            present_since: now.awake,
            asleep: now.asleep,
            not_before: Duration::ZERO,
            waits_for: Wait::Interval,
            token_is_unknown: false,
        }
    }

    /// Decides what to do at `now`, given what the sources say.
    pub(crate) fn decide(&mut self, now: Moment, seen: &Observation) -> Decision {
        if seen.falling_asleep || now.asleep.saturating_sub(self.asleep) >= SLEPT_MIN {
            self.present_since = now.awake;
        }
        if let Some(woke_up) = seen.woke_up {
            self.present_since = self.present_since.max(woke_up);
        }
        self.asleep = now.asleep;
        Decision { usage: self.usage(now, seen), due: self.due(now) }
    }

    fn usage(&self, now: Moment, seen: &Observation) -> Usage {
        if let Some(until) = seen.paused_until.filter(|until| now.unix < *until) {
            return Usage::Paused { until };
        }
        if seen.falling_asleep {
            return Usage::Asleep;
        }
        if seen.locked {
            return Usage::Locked;
        }
        if seen.in_background {
            return Usage::InBackground;
        }
        if !seen.has_source {
            return Usage::NoSource;
        }
        let Some(input) = seen.last_input.filter(|input| *input > self.present_since) else {
            return Usage::NoInputYet;
        };
        let ago = now.awake.since(input);
        match seen.kept_on {
            _ if ago <= self.idle_after => Usage::Input { ago },
            true if ago <= KEPT_ON_MAX => Usage::KeptOn { ago },
            true => Usage::KeptOnTooLong { ago },
            false => Usage::Idle { ago },
        }
    }

    /// Returns when the next beat is due, if the device is used then.
    pub(crate) fn due(&self, now: Moment) -> Due {
        let after = self.not_before.saturating_sub(now.elapsed());
        match self.waits_for {
            _ if self.token_is_unknown => Due::UnknownToken,
            _ if after.is_zero() => Due::Now,
            Wait::Interval => Due::In(after),
            Wait::RetryAfter => Due::RetryAfter(after),
            Wait::Refused => Due::Refused(after),
        }
    }

    /// Notes what became of a beat that was sent at `sent` and answered at `answered`.
    pub(crate) fn sent(&mut self, sent: Moment, answered: Moment, outcome: Outcome) {
        let (from, delay, waits_for) = match outcome {
            Outcome::Recorded | Outcome::Failed | Outcome::UnknownToken => {
                (sent, BEAT_INTERVAL, Wait::Interval)
            }
            Outcome::Busy(delay) => {
                (answered, delay.unwrap_or(RETRY_DELAY).min(RETRY_DELAY_MAX), Wait::RetryAfter)
            }
            Outcome::Refused => (answered, REFUSED_DELAY, Wait::Refused),
        };
        self.token_is_unknown = outcome == Outcome::UnknownToken;
        self.waits_for = waits_for;
        self.not_before = (sent.elapsed() + BEAT_INTERVAL).max(from.elapsed() + delay);
    }

    /// Takes a new configuration. What the server said holds on, unless it was about what changed.
    pub(crate) fn reconfigured(&mut self, idle_after: Duration, changed: Changed, now: Moment) {
        self.idle_after = idle_after;
        self.token_is_unknown &= !(changed.token || changed.server);
        if changed.server && self.waits_for != Wait::Interval {
            self.waits_for = Wait::Interval;
            self.not_before = self.not_before.min(now.elapsed() + BEAT_INTERVAL);
        }
    }

    /// Takes over when the next beat is due from an agent that ran before.
    pub(crate) fn resume(&mut self, next_beat: Due, now: Moment) {
        let (delay, waits_for) = match next_beat {
            Due::In(delay) => (delay.min(BEAT_INTERVAL), Wait::Interval),
            Due::RetryAfter(delay) => (delay.min(RETRY_DELAY_MAX), Wait::RetryAfter),
            // A restart is what a user tries who has mended something.
            Due::Now | Due::Refused(_) | Due::UnknownToken => return,
        };
        self.waits_for = waits_for;
        self.not_before = now.elapsed() + delay;
    }
}

/// What a new configuration changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Changed {
    /// Token.
    pub(crate) token: bool,
    /// URL of the server, or the certificates to trust.
    pub(crate) server: bool,
}

#[cfg(test)]
mod tests;
