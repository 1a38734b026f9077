//! The one task that talks to the database about what changes: beats, changes to devices ([`changes`]), visits.
//!
//! While a commit is under way, commands wait in the queue; the next batch takes all of them. So the busier it
//! is, the more beats share a commit, and a lone beat waits for nothing. Where the database is far away, batches
//! overlap, each on a session of its own.
//!
//! - [`pace`]: when the next batch starts, and how many may be under way.
//! - [`writer`]: one session that carries out batches.
//! - [`changes`]: changes to devices.

mod changes;
mod pace;
mod writer;

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, future::Either, stream::FuturesUnordered};
use time::OffsetDateTime;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::{Instant, timeout_at},
};

use tracing::{Instrument, Span};

use super::{QUEUE_CAPACITY, stats_cache::StatsCache};
use crate::{
    Error,
    database::{SharedSession, beats},
    metrics::ProcessMetrics,
    notify::subscriptions::Subscriptions,
    token::TokenHash,
};
pub(super) use changes::Change;
use pace::Pace;
use writer::{Finished, Outcome, Writer};

/// Delay after which visits in memory are written to the database.
const VISITS_FLUSH_DELAY: Duration = Duration::from_secs(1);

type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// A command and the span of the request behind it, which the worker's log lines belong to.
#[derive(Debug)]
pub(super) struct QueuedCommand {
    span: Span,
    command: Command,
}

impl QueuedCommand {
    /// A command of the current span.
    pub(super) fn new(command: Command) -> Self {
        Self { span: Span::current(), command }
    }
}

/// A request to the worker.
#[derive(Debug)]
pub(super) enum Command {
    Beat(Beat),
    Change(Change),
    /// There are visits to write later.
    Wake,
    /// Write the visits in memory now.
    WriteVisits(Reply<()>),
    Stop(oneshot::Sender<()>),
}

/// A beat that waits to be recorded.
#[derive(Debug)]
pub(super) struct Beat {
    pub(super) token: TokenHash,
    /// Answered with the time at which it was recorded.
    pub(super) reply: Reply<OffsetDateTime>,
}

/// The commands that are worked on together, sorted by kind.
#[derive(Debug, Default)]
struct Batch {
    beats: Vec<Beat>,
    changes: Vec<Change>,
    visits: Vec<Reply<()>>,
    stop: Option<oneshot::Sender<()>>,
}

/// What woke the worker.
#[derive(Debug, PartialEq, Eq)]
enum Wake {
    /// There are enough commands for a batch, or visits to write.
    Batch,
    /// No handle is left.
    Closed,
}

#[derive(Debug)]
pub(super) struct Worker {
    /// Writers without a batch. The last one that became free comes first.
    idle: Vec<Writer>,
    /// Extra writers without a connection.
    unopened: Vec<Writer>,
    /// Number of batches under way.
    batches: usize,
    /// Whether one more writer would have been of use, and none is being opened.
    wants_writer: bool,
    pace: Pace,
    cache: Arc<StatsCache>,
    queue: mpsc::Receiver<QueuedCommand>,
    /// Commands for the next batch.
    commands: Vec<QueuedCommand>,
    /// Results of earlier beats.
    known: beats::Known,
    /// Number of visits that batches under way write.
    visits_under_way: i64,
    /// When the visits in memory are to be written.
    write_visits_at: Option<Instant>,
}

impl Worker {
    /// Returns a worker that carries out as many batches at a time as there are `sessions`, where that is faster.
    pub(super) fn new(
        sessions: impl IntoIterator<Item = SharedSession>,
        cache: Arc<StatsCache>,
        queue: mpsc::Receiver<QueuedCommand>,
        configured: Subscriptions,
        queued_events: &Arc<Notify>,
        metrics: &ProcessMetrics,
    ) -> Self {
        let configured = Arc::new(configured);
        let writer = |(number, session)| Writer {
            is_extra: number > 0,
            session,
            cache: Arc::clone(&cache),
            configured: Arc::clone(&configured),
            queued_events: Arc::clone(queued_events),
            commit_duration: metrics.commit_duration.clone(),
        };
        let writers = sessions.into_iter().enumerate().map(writer);
        let (unopened, idle): (Vec<Writer>, Vec<Writer>) = writers.partition(|writer| writer.is_extra);
        Self {
            pace: Pace::new(idle.len() + unopened.len()),
            idle,
            unopened,
            batches: 0,
            wants_writer: false,
            cache,
            queue,
            commands: Vec::new(),
            known: beats::Known::default(),
            visits_under_way: 0,
            write_visits_at: None,
        }
    }

    /// Works until it is told to stop, or until no handle is left.
    pub(super) async fn run(mut self) {
        let mut under_way = FuturesUnordered::new();
        loop {
            under_way.extend(self.open_writer().map(Either::Left));
            let may_start = !self.idle.is_empty() && self.batches < self.pace.limit(Instant::now());
            tokio::select! {
                biased;
                Some(outcome) = under_way.next() => self.note(outcome),
                wake = self.receive(), if may_start => {
                    // The span of the first command stands for the batch.
                    let span = self.commands.first().map_or_else(Span::none, |queued| queued.span.clone());
                    let commands = self.commands.len();
                    let mut batch = Batch::sort(self.commands.drain(..).map(|queued| queued.command));
                    let stop = batch.stop.take();
                    if stop.is_none() && wake == Wake::Batch {
                        under_way.extend(self.start(batch, commands, span).map(Either::Right));
                        continue;
                    }
                    while let Some(outcome) = under_way.next().await {
                        self.note(outcome);
                    }
                    if let Some(stopped) = stop {
                        self.write_visits_at = Some(Instant::now());
                        self.start(batch, commands, span).expect("an idle writer").await;
                        // The caller may have gone.
                        let _ = stopped.send(());
                    }
                    return;
                }
            }
        }
    }

    /// Starts a batch of so many commands. `None` if no writer is idle.
    fn start(
        &mut self,
        batch: Batch,
        commands: usize,
        span: Span,
    ) -> Option<impl Future<Output = Outcome> + use<>> {
        let writer = self.idle.pop()?;
        self.batches += 1;
        self.pace.start(commands, Instant::now());
        let visits = self.visits_to_write(!batch.visits.is_empty());
        Some(writer.work(batch, self.known, visits).instrument(span))
    }

    /// Opens the connection of one more writer, if it would be of use.
    fn open_writer(&mut self) -> Option<impl Future<Output = Outcome> + use<>> {
        if !std::mem::take(&mut self.wants_writer) {
            return None;
        }
        self.unopened.pop().map(Writer::open)
    }

    /// Waits for the commands of the next batch, or until visits are to be written.
    async fn receive(&mut self) -> Wake {
        loop {
            let wait = if self.commands.is_empty() {
                self.write_visits_at
            } else {
                let Some(until) = self.pace.wait(self.commands.len(), Instant::now()) else {
                    return Wake::Batch;
                };
                Some(until)
            };
            let room = QUEUE_CAPACITY.saturating_sub(self.commands.len());
            let received = self.queue.recv_many(&mut self.commands, room);
            match wait {
                Some(until) => match timeout_at(until, received).await {
                    Ok(0) if self.commands.is_empty() => return Wake::Closed,
                    Ok(1..) => {}
                    // The queue is closed, the batch is full, or it is time.
                    Ok(0) | Err(_) => return Wake::Batch,
                },
                None if received.await == 0 => return Wake::Closed,
                None => {}
            }
        }
    }

    /// Takes note of what a writer did.
    fn note(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Opened(writer, true) => self.idle.push(writer),
            Outcome::Opened(writer, false) => {
                self.pace.stop_overlapping(Instant::now());
                self.unopened.push(writer);
                self.close_extra_writers();
            }
            Outcome::Finished(finished) => self.finish(finished),
        }
    }

    /// Gives the connections of extra writers back that have no batch.
    fn close_extra_writers(&mut self) {
        for writer in self.idle.extract_if(.., |writer| writer.is_extra) {
            writer.session.close();
            self.unopened.push(writer);
        }
    }

    /// Takes note of what a batch changed.
    fn finish(&mut self, finished: Finished) {
        let now = Instant::now();
        self.batches -= 1;
        let waiting = self.queue.len() + self.commands.len();
        if finished.writer.is_extra && (finished.failed() || self.pace.is_alone(now)) {
            finished.writer.session.close();
            self.unopened.push(finished.writer);
        } else {
            self.idle.push(finished.writer);
        }
        if let Some(recorded) = finished.recorded {
            self.pace.learn(recorded.took, recorded.round_trip);
            // Batches end in any order, and the database's clock may have been set back.
            let learned_at = |known: Option<(_, std::time::Instant)>| known.map(|(_, learned_at)| learned_at);
            if learned_at(recorded.stats_moved) > learned_at(self.known.stats_moved) {
                self.known.stats_moved = recorded.stats_moved;
            }
            self.known.beats_wanted = recorded.beats_wanted.unwrap_or(self.known.beats_wanted);
        }
        self.pace.finish(finished.beats, waiting, now);
        // Commands that waited for a batch to end might have been in flight.
        self.wants_writer = waiting > 0 && self.idle.len() + self.batches < self.pace.limit(now);
        if self.batches == 0 && waiting == 0 && finished.beats <= 1 {
            // A beat that comes alone needs none of them, and others may.
            self.close_extra_writers();
        }
        self.visits_under_way -= finished.visits;
        if finished.visits > 0 {
            self.write_visits_at = self.has_visits().then(|| Instant::now() + VISITS_FLUSH_DELAY);
        }
    }

    /// Returns how many visits the next batch is to write: those in memory, if it is time or if a caller waits for it.
    fn visits_to_write(&mut self, now: bool) -> i64 {
        let visits = self.cache.unwritten_visits() - self.visits_under_way;
        if visits == 0 {
            self.write_visits_at = None;
            return 0;
        }
        let due = *self.write_visits_at.get_or_insert_with(|| Instant::now() + VISITS_FLUSH_DELAY);
        if !now && Instant::now() < due {
            return 0;
        }
        self.write_visits_at = None;
        self.visits_under_way += visits;
        visits
    }

    fn has_visits(&self) -> bool {
        self.cache.unwritten_visits() > self.visits_under_way
    }
}

impl Batch {
    fn sort(commands: impl Iterator<Item = Command>) -> Self {
        let mut batch = Self::default();
        for command in commands {
            match command {
                Command::Beat(beat) => batch.beats.push(beat),
                Command::Change(change) => batch.changes.push(change),
                Command::Wake => {}
                Command::WriteVisits(reply) => batch.visits.push(reply),
                Command::Stop(stopped) => batch.stop = Some(stopped),
            }
        }
        batch
    }
}
