//! Telling others what happened, from the outbox: in order, at least once, however many processes try.
//!
//! - [`Receiver`]: somebody who can be told; another kind of receiver is another implementation, and its
//!   name in [`Audience`](crate::event::Audience).
//! - [`discord`]: the first of them.

pub mod discord;

use std::{pin::pin, time::Duration};

use sqlx::{PgConnection, postgres::PgConnectOptions};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    Clock, Error, Heartbeat,
    database::{Session, outbox},
    event::Event,
};

/// How long one attempt may take.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// How long the right to deliver lasts: longer than an attempt and the note of its outcome, so that nobody
/// else delivers meanwhile; no longer than needed, for that is how long a process that died holds up the
/// others.
const LEASE: Duration = Duration::from_secs(30);

/// How long one statement may take.
const STATEMENT_LIMIT: Duration = Duration::from_secs(2);

/// The first and the longest wait after failed attempts; each is twice the one before.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LAST_WAIT: Duration = Duration::from_mins(10);

/// The longest wait that a receiver may ask for.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// The pause after a receiver has said that it takes nothing any more. It is not to be pestered.
const CLOSED_PAUSE: Duration = Duration::from_mins(1);

/// How long an event is worth being told.
const PATIENCE: Duration = Duration::from_hours(24);

/// How long to wait before looking again for what nobody told us of: events that other processes wrote,
/// and that they could not deliver.
const LOOK_PERIOD: Duration = Duration::from_secs(10);

/// How long to wait for another process that delivers.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// Somebody who can be told of events.
pub trait Receiver: Send + Sync {
    /// The name under which events wait for it.
    const NAME: &'static str;
    /// How many events it takes at once.
    const LIMIT: usize;

    /// Tells it. At most [`LIMIT`](Self::LIMIT) events, in the order in which they happened.
    fn send(&self, events: &[Event]) -> impl Future<Output = Outcome> + Send;
}

/// What became of an attempt. The texts are for the log, and hold no secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has the events, and wants a pause before the next.
    Taken(Duration),
    /// It does not have them, for a reason that may pass; perhaps it said when to try again.
    Failed {
        /// What happened.
        reason: String,
        /// When to try again.
        after: Option<Duration>,
    },
    /// It will never take these events, or one of them.
    Refused(String),
    /// It will never take anything again.
    Closed(String),
}

/// What comes after an attempt.
#[derive(Debug, Clone, Copy)]
struct Next {
    /// How long to wait.
    wait: Duration,
    /// Whether nothing is waiting to be told.
    idle: bool,
}

impl Next {
    const IDLE: Self = Self { wait: LOOK_PERIOD, idle: true };

    fn after(wait: Duration) -> Self {
        Self { wait, idle: false }
    }
}

/// Delivers what waits for one receiver.
#[derive(Debug)]
pub struct Deliverer<R> {
    receiver: R,
    session: Session,
    /// Tells this one from all others that deliver to the same receiver.
    holder: String,
    /// A random number from 0 to 1.
    random: fn() -> f64,
}

impl<R: Receiver> Deliverer<R> {
    /// A deliverer whose name, `holder`, nobody else has. The database is first contacted when it is first
    /// needed.
    #[must_use]
    pub fn new(
        receiver: R,
        database: PgConnectOptions,
        clock: Clock,
        holder: String,
        random: fn() -> f64,
    ) -> Self {
        Self { receiver, session: Session::new(database, clock), holder, random }
    }

    /// Delivers until `until` has come or nothing is left that is due. For processes that are there only
    /// while they are needed.
    pub async fn deliver_until(&mut self, until: Instant) {
        while let Ok(next) = self.deliver().await {
            if next.idle || Instant::now() + next.wait + SEND_LIMIT > until {
                return;
            }
            sleep(next.wait).await;
        }
    }

    /// Delivers until `stop` is ready: what `heartbeat` puts into the outbox at once, what others put there
    /// within seconds.
    pub async fn run(mut self, heartbeat: &Heartbeat, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            // What failed was logged where it did.
            let next = self.deliver().await.unwrap_or(Next::after(LOOK_PERIOD));
            tokio::select! {
                () = sleep(next.wait) => {}
                // While others wait for their turn, one more is no reason to hurry.
                () = heartbeat.event(), if next.idle => {}
                () = &mut stop => return,
            }
        }
    }

    /// Makes one delivery, if one is due.
    async fn deliver(&mut self) -> Result<Next, Error> {
        let due = self.run_statement(async |connection| outbox::due_in(connection, R::NAME).await).await?;
        match due {
            None => return Ok(Next::IDLE),
            Some(seconds) if seconds > 0.0 => {
                return Ok(Next::after(Duration::from_secs_f64(seconds).min(LONGEST_PAUSE)));
            }
            Some(_) => {}
        }
        let holder = self.holder.clone();
        let claimed = self
            .run_statement(async |connection| {
                outbox::claim(connection, R::NAME, &holder, LEASE.as_secs_f64()).await
            })
            .await?;
        // Somebody else was faster, and delivers.
        let Some(attempts) = claimed else { return Ok(Next::after(BUSY_WAIT)) };
        let limit = i64::try_from(R::LIMIT).unwrap_or(i64::MAX);
        let events =
            self.run_statement(async |connection| outbox::first(connection, R::NAME, limit).await).await?;
        let next =
            if events.is_empty() { Next::IDLE } else { Next::after(self.tell(&events, attempts).await?) };
        self.run_statement(async |connection| outbox::release(connection, R::NAME, &holder).await).await?;
        Ok(next)
    }

    /// Sends some events, and notes what became of them.
    async fn tell(&mut self, events: &[Event], attempts: i32) -> Result<Duration, Error> {
        match self.send(events).await {
            Outcome::Taken(pause) => self.settle(events, pause).await,
            Outcome::Failed { reason, after } => {
                let wait = after.map_or_else(|| self.backoff(attempts), |after| after.min(LONGEST_PAUSE));
                tracing::warn!("{}: {reason}; the next attempt is in {wait:.1?}", R::NAME);
                self.postpone(wait).await
            }
            Outcome::Refused(reason) if events.len() == 1 => {
                tracing::error!("{}: an event was given up: {reason}", R::NAME);
                self.settle(events, Duration::ZERO).await
            }
            Outcome::Closed(reason) => {
                tracing::error!(
                    "{}: {} events were given up: {reason}; is the URL right?",
                    R::NAME,
                    events.len()
                );
                self.settle(events, CLOSED_PAUSE).await
            }
            // One of them spoils the rest: find out which.
            Outcome::Refused(_) => {
                let (one, _) = events.split_at(1);
                Box::pin(self.tell(one, attempts)).await
            }
        }
    }

    async fn send(&self, events: &[Event]) -> Outcome {
        let late = Outcome::Failed { reason: "it does not answer".to_owned(), after: None };
        timeout(SEND_LIMIT, self.receiver.send(events)).await.unwrap_or(late)
    }

    /// Notes that events were taken, or given up. While the lease lasts nobody else tells them again, so this
    /// is worth some patience.
    async fn settle(&mut self, events: &[Event], pause: Duration) -> Result<Duration, Error> {
        let ids: Vec<i64> = events.iter().map(|event| event.id).collect();
        let pause = pause.min(LONGEST_PAUSE);
        let mut outcome = Err(Error::Unavailable);
        for _ in 0..3 {
            outcome = self
                .run_statement(async |connection| {
                    outbox::settle(connection, R::NAME, &ids, pause.as_secs_f64()).await
                })
                .await;
            if outcome.is_ok() {
                break;
            }
        }
        outcome.map(|()| pause)
    }

    async fn postpone(&mut self, wait: Duration) -> Result<Duration, Error> {
        let forgotten = self
            .run_statement(async |connection| {
                outbox::postpone(connection, R::NAME, wait.as_secs_f64(), PATIENCE.as_secs_f64()).await
            })
            .await?;
        if forgotten > 0 {
            tracing::error!(
                "{}: {forgotten} events were given up after {} hours",
                R::NAME,
                PATIENCE.as_secs() / 3600
            );
        }
        Ok(wait)
    }

    /// The wait after `attempts` failed ones and one more: doubled each time, and shortened by up to a half
    /// by chance, so that those who failed together do not all come back together.
    fn backoff(&self, attempts: i32) -> Duration {
        let doubled = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(attempts.max(0).cast_unsigned()));
        doubled.min(LAST_WAIT).mul_f64(0.5 + (self.random)() / 2.0)
    }

    async fn run_statement<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error> + Clone,
    ) -> Result<T, Error> {
        self.session.run(Instant::now() + STATEMENT_LIMIT, work).await
    }
}
