//! Takes the best source that is there, and finds another when it is lost.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{InputState, KINDS, Kind, Source, Unavailable};
use crate::{
    clock::{Awake, Moment},
    log,
    wake::Waker,
};

/// Interval between attempts to open a better source than the one there is.
const SELECT_INTERVAL: Duration = Duration::from_secs(15);

/// Why a kind of source was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rejected {
    /// Name of the kind.
    pub(crate) kind: String,
    /// Sentence.
    pub(crate) reason: String,
}

/// The source that was taken.
#[derive(Debug)]
struct Taken {
    kind: Kind,
    source: Box<dyn Source>,
    /// Time awake when it was taken. The counter of an X server that has just started says that input came as it did.
    at: Awake,
}

/// The source that was taken, and why not the others.
#[derive(Debug)]
pub(crate) struct Sources {
    kinds: Vec<Kind>,
    waker: Waker,
    taken: Option<Taken>,
    rejected: Vec<Rejected>,
    /// Time awake at which to look for a better one.
    select_at: Duration,
}

impl Sources {
    /// Returns the sources of this platform, or only the one that was asked for. None is opened yet.
    pub(crate) fn new(forced: Option<Kind>, waker: Waker) -> Self {
        let kinds = forced.map_or_else(|| KINDS.to_vec(), |kind| vec![kind]);
        Self { kinds, waker, taken: None, rejected: Vec::new(), select_at: Duration::ZERO }
    }

    /// Returns what the best source knows, if there is one.
    pub(crate) fn input_state(&mut self, now: Moment) -> Option<InputState> {
        if let Some(activity) = self.ask(now) {
            // A better one may have come, such as a desktop after a console.
            if self.is_best() || now.awake.0 < self.select_at {
                return Some(activity);
            }
        }
        if now.awake.0 >= self.select_at {
            self.select(now.awake);
            self.select_at = now.awake.0 + SELECT_INTERVAL;
        }
        self.ask(now)
    }

    /// Kind of the source that was taken.
    pub(crate) fn taken(&self) -> Option<Kind> {
        self.taken.as_ref().map(|taken| taken.kind)
    }

    /// Better kinds, and why each was not taken.
    pub(crate) fn rejected(&self) -> &[Rejected] {
        &self.rejected
    }

    /// Time after which to ask again, while the device is not used; `None` if the source wakes the agent.
    pub(crate) fn poll_interval(&self) -> Option<Duration> {
        match &self.taken {
            Some(taken) if taken.source.wakes() && self.is_best() => None,
            _ => Some(super::POLL_INTERVAL),
        }
    }

    /// Whether there is no need to look for a better source while this one lasts.
    fn is_best(&self) -> bool {
        self.taken.as_ref().is_some_and(|taken| !taken.source.is_stopgap())
    }

    fn ask(&mut self, now: Moment) -> Option<InputState> {
        let taken = self.taken.as_mut()?;
        match taken.source.input_state(now) {
            Ok(InputState { last_input, kept_on }) => {
                Some(InputState { last_input: last_input.filter(|input| *input > taken.at), kept_on })
            }
            Err(lost) => {
                log::log(&format!("{} is lost: {lost}", taken.kind));
                self.rejected = vec![reject(taken.kind, &lost)];
                self.taken = None;
                self.select_at = Duration::ZERO;
                None
            }
        }
    }

    /// Opens the first kind that can be had, and leaves the one there is alone if no better one can.
    fn select(&mut self, now: Awake) {
        let mut rejected = Vec::new();
        let present = self.taken();
        for kind in self.kinds.iter().copied().take_while(|kind| Some(*kind) != present) {
            match kind.open(&self.waker) {
                Ok(source) => {
                    log::log(&format!("source of input: {kind}"));
                    self.taken = Some(Taken { kind, source, at: now });
                    break;
                }
                Err(reason) => rejected.push(reject(kind, &reason)),
            }
        }
        self.rejected = rejected;
    }
}

fn reject(kind: Kind, reason: &Unavailable) -> Rejected {
    Rejected { kind: kind.name().to_owned(), reason: reason.to_string() }
}
