//! Pairing: codes, and the tokens that they give.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use time::{Duration, OffsetDateTime};
use tokio::time::Instant;
use tracing::Instrument;

use super::{Heartbeat, worker::Change, worker::Command};
use crate::{
    Error,
    database::{
        Connection,
        pairings::{self, Redemption},
    },
    device::Registered,
    pairing::{CodeHash, PairingState},
    shares::Shares,
    token::{Token, TokenHash},
};

/// Attempts to redeem a code that may wait for the session. Each is a few round trips, so that all of them together delay
/// those who pair devices by a few milliseconds.
const ATTEMPTS_CAPACITY: usize = 16;

/// Attempts that may wait from one client IP.
const ATTEMPTS_PER_CLIENT: usize = ATTEMPTS_CAPACITY / 4;

/// Timeout of an attempt, or of a look at what is on offer, waiting for the session included.
const PAIRING_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(2);

/// Longest time for which the database need not be asked after it refused an attempt.
const REFUSAL_MAX: Duration = Duration::MINUTE;

/// Attempts to redeem a code, which strangers can make as often as they like.
#[derive(Debug)]
pub(super) struct PairingAttempts {
    waiting: Shares,
    /// Until when the database refuses all attempts.
    refused_until: Mutex<Option<OffsetDateTime>>,
}

impl Default for PairingAttempts {
    fn default() -> Self {
        Self { waiting: Shares::new(ATTEMPTS_CAPACITY, ATTEMPTS_PER_CLIENT), refused_until: Mutex::default() }
    }
}

impl PairingAttempts {
    /// Returns the time until the next attempt, if all are refused at `now`. Failures cannot become fewer before, so that
    /// refusing costs no more than this.
    fn retry_after(&self, now: OffsetDateTime) -> Option<Duration> {
        let refused_until = *self.refused_until.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back may refuse for no longer than the database does.
        refused_until.map(|until| until - now).filter(|left| left.is_positive() && *left <= REFUSAL_MAX)
    }

    fn refuse_until(&self, time: OffsetDateTime) {
        *self.refused_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(time);
    }
}

impl Heartbeat {
    /// Gives device `id` a new pairing code; the one before is void, as are the tokens that it offered. Returns when it
    /// expires. Fails with [`Error::ArchivedDevice`] where the device is archived.
    pub async fn start_pairing(&self, id: i64, code: CodeHash) -> Result<OffsetDateTime, Error> {
        self.ask(|reply| Command::Change(Change::StartPairing { id, code, reply })).await
    }

    /// Returns what became of the last pairing code of device `id`; `None` if it has none, or no longer.
    pub async fn pairing_state(&self, id: i64) -> Result<Option<PairingState>, Error> {
        self.reads.run(async |connection: &mut _| pairings::state(connection, id).await).await
    }

    /// Puts `token` on offer for the device that has this code: its first beat makes it the token of the device, whose
    /// present one is valid until then. An attempt of `client`, if that is known.
    pub async fn redeem(
        &self,
        code: CodeHash,
        token: &Token,
        client: Option<IpAddr>,
    ) -> Result<Registered, Error> {
        if let Some(retry_after) = self.pairing_attempts.retry_after((self.clock)()) {
            return Err(Error::TooManyPairingFailures { retry_after });
        }
        let (heartbeat, token) = (self.clone(), token.hash());
        let redeemed = run_to_end(async move {
            let _share = heartbeat.pairing_attempts.waiting.take(client).ok_or(Error::Unavailable)?;
            let redeem = async |connection: &mut Connection| pairings::redeem(connection, code, token).await;
            heartbeat.run_pairing(redeem).await
        });
        match redeemed.await? {
            Redemption::Redeemed(device) => {
                self.known_tokens.insert(token);
                Ok(device)
            }
            Redemption::Unknown => Err(Error::UnknownPairingCode),
            Redemption::Refused { retry_after } => {
                self.pairing_attempts.refuse_until((self.clock)() + retry_after);
                Err(Error::TooManyPairingFailures { retry_after })
            }
        }
    }

    /// Makes `token`, if it is on offer, the token of its device. Returns whether a beat with it may be recognized then:
    /// another process may have been first. Not the work of the worker, in which devices would wait for made-up tokens.
    pub(super) async fn accept_offer(&self, token: TokenHash, client: Option<IpAddr>) -> Result<bool, Error> {
        let heartbeat = self.clone();
        run_to_end(async move {
            let _share = heartbeat.unknown_beats.take(client).ok_or(Error::Unavailable)?;
            let promote = async |connection: &mut Connection| pairings::promote(connection, token).await;
            heartbeat.run_pairing(promote).await
        })
        .await
    }

    /// Runs `work` on the session for pairing. Its connection stays open: strangers can have it needed as often as they like,
    /// and opening one costs the database a hundred times what a lookup does.
    async fn run_pairing<T>(
        &self,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, sqlx::Error> + Clone,
    ) -> Result<T, Error> {
        self.pairing.run(Instant::now() + PAIRING_TIMEOUT, work).await
    }
}

/// Runs `work` to its end, even if the caller goes half way, which would close the connection that others wait for.
async fn run_to_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    // An error says that the task was dropped with its tokio runtime.
    tokio::spawn(work.in_current_span()).await.unwrap_or(Err(Error::Unavailable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_refusal_the_database_is_asked_when_it_may_answer_otherwise() {
        let attempts = PairingAttempts::default();
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(1);
        assert_eq!(attempts.retry_after(now), None);
        attempts.refuse_until(now + Duration::seconds(40));
        assert_eq!(attempts.retry_after(now + Duration::seconds(10)), Some(Duration::seconds(30)));
        assert_eq!(attempts.retry_after(now + Duration::seconds(40)), None);
        // The clock was set back.
        assert_eq!(attempts.retry_after(now - Duration::DAY), None);
    }
}
