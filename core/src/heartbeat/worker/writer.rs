//! One session that carries out batches, one at a time.

use std::{collections::HashMap, sync::Arc, time::Duration};

use prometheus::Histogram;
use time::OffsetDateTime;
use tokio::{sync::Notify, time::Instant};

use super::{Batch, Beat, Reply};
use crate::{
    Error,
    database::{Connection, SharedSession, beats, stats},
    heartbeat::stats_cache::StatsCache,
    notify::subscriptions::Subscriptions,
    token::TokenHash,
};

/// Timeout of all that one batch asks of the database. A command that arrives just after a batch began waits
/// for the rest of it and for the next one: four seconds, with a database that hangs.
const BATCH_TIMEOUT: Duration = Duration::from_secs(2);

/// Carries out batches on a session of its own.
#[derive(Debug)]
pub(super) struct Writer {
    /// Whether it only serves to let batches overlap. Such a one gets batches while it has a connection, so that no beat
    /// is refused because the database allows no further one.
    pub(super) is_extra: bool,
    pub(super) session: SharedSession,
    pub(super) cache: Arc<StatsCache>,
    /// Subscriptions of the configured channels.
    pub(super) configured: Arc<Subscriptions>,
    /// Notified when events were put into the outbox.
    pub(super) queued_events: Arc<Notify>,
    pub(super) commit_duration: Histogram,
}

/// Outcome of what a writer did.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It opened its connection, or failed to.
    Opened(Writer, bool),
    /// It carried out a batch.
    Finished(Finished),
}

/// Outcome of a batch.
#[derive(Debug)]
pub(super) struct Finished {
    /// Free for the next batch.
    pub(super) writer: Writer,
    /// Number of beats that were answered.
    pub(super) beats: usize,
    /// Number of visits that it was to write.
    pub(super) visits: i64,
    /// Results of its beats; `None` if there were none, or if they failed.
    pub(super) recorded: Option<Recorded>,
}

impl Finished {
    /// Whether its beats failed.
    pub(super) fn failed(&self) -> bool {
        self.beats > 0 && self.recorded.is_none()
    }
}

/// Results of beats that were recorded.
#[derive(Debug)]
pub(super) struct Recorded {
    /// Time that the statement took, with the commit.
    pub(super) took: Duration,
    /// Round trip of the connection when the database has nothing to do.
    pub(super) round_trip: Duration,
    /// Time of the beats, if they moved `stats`, and when this process learned of it.
    pub(super) stats_moved: Option<(OffsetDateTime, std::time::Instant)>,
    /// Whether a channel subscribes to every beat, if that was looked up.
    pub(super) beats_wanted: Option<bool>,
}

impl Writer {
    /// Opens the connection.
    pub(super) async fn open(self) -> Outcome {
        let is_open = self.session.run(Instant::now() + BATCH_TIMEOUT, Connection::ping).await.is_ok();
        Outcome::Opened(self, is_open)
    }

    /// Carries out a batch, whose beats may profit from what is `known`, and writes `visits`.
    pub(super) async fn work(self, batch: Batch, known: beats::Known, visits: i64) -> Outcome {
        let deadline = Instant::now() + BATCH_TIMEOUT;
        let beats = batch.beats.len();
        let recorded = self.record(batch.beats, known, deadline).await;
        for change in batch.changes {
            self.change(change, deadline).await;
        }
        self.write_visits(visits, batch.visits, deadline).await;
        Outcome::Finished(Finished { writer: self, beats, visits, recorded })
    }

    async fn record(&self, beats: Vec<Beat>, known: beats::Known, deadline: Instant) -> Option<Recorded> {
        if beats.is_empty() {
            return None;
        }
        let tokens: Vec<TokenHash> = beats.iter().map(|beat| beat.token).collect();
        let started = Instant::now();
        let result = self.record_tokens(&tokens, known, deadline).await;
        let took = started.elapsed();
        let counted = match result {
            Ok(counted) => counted,
            Err(error) => {
                answer(beats, Err(error));
                return None;
            }
        };
        self.cache.count(&counted);
        if counted.iter().any(|device| device.queued_events) {
            self.queued_events.notify_one();
        }
        self.commit_duration.observe(took.as_secs_f64());
        answer_counted(beats, &counted);
        let moved = counted.iter().find(|device| device.moved_stats);
        Some(Recorded {
            took,
            round_trip: self.session.round_trip().await,
            stats_moved: moved.map(|device| (device.recorded_at, std::time::Instant::now())),
            beats_wanted: counted.iter().find_map(|device| device.beats_wanted),
        })
    }

    /// Records beats by the shorter statement if it is enough. Each statement is a run of its own, with a timeout that
    /// follows from the time that is left for it.
    async fn record_tokens(
        &self,
        tokens: &[TokenHash],
        known: beats::Known,
        deadline: Instant,
    ) -> Result<Vec<beats::CountedDevice>, Error> {
        if let Some(shortcut) = beats::Shortcut::of(tokens, known)
            && let Some(counted) = self
                .session
                .run(deadline, async |connection| beats::count(connection, &shortcut).await)
                .await?
        {
            return Ok(counted);
        }
        let configured = &self.configured;
        self.session
            .run(deadline, async |connection| beats::record(connection, tokens, configured).await)
            .await
    }

    /// Writes visits, if there are any, and answers those that wait for it.
    async fn write_visits(&self, visits: i64, waiting: Vec<Reply<()>>, deadline: Instant) {
        let mut result = Ok(());
        if visits > 0 {
            let add = async |connection: &mut _| stats::add_visits(connection, visits).await;
            let total = self.session.run(deadline, add).await;
            result = total.map(|total| self.cache.visits_written(visits, total));
        }
        for reply in waiting {
            let _ = reply.send(result);
        }
    }
}

/// Answers each beat according to whether its device was counted.
fn answer_counted(beats: Vec<Beat>, counted: &[beats::CountedDevice]) {
    let times = counted.iter().map(|device| (device.token_hash.as_slice(), device.recorded_at));
    let times: HashMap<_, _> = times.collect();
    for beat in beats {
        let recorded_at = times.get(&beat.token.as_bytes()[..]).copied();
        answer([beat], recorded_at.ok_or(Error::UnknownToken));
    }
}

/// Answers beats, whose clients may have gone: they count all the same.
fn answer(beats: impl IntoIterator<Item = Beat>, answer: Result<OffsetDateTime, Error>) {
    for beat in beats {
        let _ = beat.reply.send(answer);
    }
}
