//! The one task that writes to the database: beats, changes to devices ([`changes`]), visits.
//!
//! While a commit is under way, commands wait in the queue; the next batch takes all of them. So the busier it
//! is, the more beats share a commit, and a lone beat waits for nothing.

mod changes;

use std::{collections::HashMap, sync::Arc, time::Duration};

use time::OffsetDateTime;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::{Instant, timeout_at},
};

use tracing::{Instrument, Span};

use super::{QUEUE_CAPACITY, stats_cache::StatsCache};
use crate::{
    Error,
    database::{SharedSession, beats, stats},
    notify::subscriptions::Subscriptions,
    token::TokenHash,
};
pub(super) use changes::Change;

/// Timeout of all that one batch asks of the database. A command that arrives just after a batch began waits
/// for the rest of it and for the next one: four seconds, with a database that hangs.
const BATCH_TIMEOUT: Duration = Duration::from_secs(2);

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

/// The next step after a batch.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Batch,
    Stop,
}

#[derive(Debug)]
pub(super) struct Worker {
    session: SharedSession,
    cache: Arc<StatsCache>,
    queue: mpsc::Receiver<QueuedCommand>,
    /// Subscriptions of the configured channels.
    configured: Subscriptions,
    /// Results of earlier beats.
    known: beats::Known,
    /// Notified when events were put into the outbox.
    queued_events: Arc<Notify>,
    /// When the visits in memory are to be written.
    write_visits_at: Option<Instant>,
}

impl Worker {
    pub(super) fn new(
        session: SharedSession,
        cache: Arc<StatsCache>,
        queue: mpsc::Receiver<QueuedCommand>,
        configured: Subscriptions,
        queued_events: Arc<Notify>,
    ) -> Self {
        let known = beats::Known::default();
        Self { session, cache, queue, configured, known, queued_events, write_visits_at: None }
    }

    /// Works until it is told to stop, or until no handle is left.
    pub(super) async fn run(mut self) {
        let mut commands = Vec::new();
        while self.receive(&mut commands).await {
            // The span of the first command stands for the batch.
            let span = commands.first().map_or_else(Span::none, |queued| queued.span.clone());
            let batch = Batch::sort(commands.drain(..).map(|queued| queued.command));
            if self.work(batch).instrument(span).await == Next::Stop {
                return;
            }
        }
    }

    async fn work(&mut self, batch: Batch) -> Next {
        let deadline = Instant::now() + BATCH_TIMEOUT;
        self.record(batch.beats, deadline).await;
        for change in batch.changes {
            self.change(change, deadline).await;
        }
        self.write_visits(batch.visits, batch.stop.is_some(), deadline).await;
        let Some(stopped) = batch.stop else { return Next::Batch };
        // The caller may have gone.
        let _ = stopped.send(());
        Next::Stop
    }

    /// Waits for commands, or until visits are to be written. False when no handle is left.
    async fn receive(&mut self, commands: &mut Vec<QueuedCommand>) -> bool {
        let received = self.queue.recv_many(commands, QUEUE_CAPACITY);
        match self.write_visits_at {
            Some(at) => timeout_at(at, received).await.is_err() || !commands.is_empty(),
            None => received.await > 0,
        }
    }

    async fn record(&mut self, beats: Vec<Beat>, deadline: Instant) {
        if beats.is_empty() {
            return;
        }
        let tokens: Vec<TokenHash> = beats.iter().map(|beat| beat.token).collect();
        let result = self.record_tokens(&tokens, deadline).await;
        if let Ok(counted) = &result {
            self.learn(counted);
        }
        let recorded = result.as_ref().map(|counted| {
            let times = counted.iter().map(|device| (device.token_hash.as_slice(), device.recorded_at));
            times.collect::<HashMap<_, _>>()
        });
        for beat in beats {
            let answer = match &recorded {
                Ok(times) => times.get(&beat.token.as_bytes()[..]).copied().ok_or(Error::UnknownToken),
                Err(error) => Err(**error),
            };
            // The client may have gone; its beat counts all the same.
            let _ = beat.reply.send(answer);
        }
    }

    /// Records beats by the shorter statement if it is enough. Each statement is a run of its own, with a timeout that
    /// follows from the time that is left for it.
    async fn record_tokens(
        &self,
        tokens: &[TokenHash],
        deadline: Instant,
    ) -> Result<Vec<beats::CountedDevice>, Error> {
        if let Some(shortcut) = beats::Shortcut::of(tokens, self.known)
            && let Some(counted) = self
                .session
                .run(deadline, async |connection| beats::count(connection, shortcut).await)
                .await?
        {
            return Ok(counted);
        }
        let configured = &self.configured;
        self.session
            .run(deadline, async |connection| beats::record(connection, tokens, configured).await)
            .await
    }

    /// Takes note of what a commit changed.
    fn learn(&mut self, counted: &[beats::CountedDevice]) {
        self.cache.count(counted);
        if let Some(moved) = counted.iter().find(|device| device.moved_stats) {
            self.known.stats_moved = Some((moved.recorded_at, std::time::Instant::now()));
        }
        if let Some(wanted) = counted.iter().find_map(|device| device.beats_wanted) {
            self.known.beats_wanted = wanted;
        }
        if counted.iter().any(|device| device.queued_events) {
            self.queued_events.notify_one();
        }
    }

    /// Writes the visits in memory if a caller waits for that, if it is time, or if there will be no other time.
    async fn write_visits(&mut self, waiting: Vec<Reply<()>>, last_chance: bool, deadline: Instant) {
        let visits = self.cache.unwritten_visits();
        let mut result = Ok(());
        if visits == 0 {
            self.write_visits_at = None;
        } else {
            let due = *self.write_visits_at.get_or_insert_with(|| Instant::now() + VISITS_FLUSH_DELAY);
            if last_chance || !waiting.is_empty() || Instant::now() >= due {
                result = self.write(visits, deadline).await;
                let remaining = self.cache.unwritten_visits() > 0;
                self.write_visits_at = remaining.then(|| Instant::now() + VISITS_FLUSH_DELAY);
            }
        }
        for reply in waiting {
            let _ = reply.send(result);
        }
    }

    async fn write(&mut self, visits: i64, deadline: Instant) -> Result<(), Error> {
        let total = self
            .session
            .run(deadline, async |connection| stats::add_visits(connection, visits).await)
            .await?;
        self.cache.visits_written(visits, total);
        Ok(())
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
