//! The handle that routes work with.
//!
//! - [`worker`]: the one task that writes to the database, and batches beats into commits.
//! - [`history`]: who may see what of the history.
//! - [`known_tokens`]: tokens whose beats were accepted, for which the queue keeps room.
//! - [`pairing`]: codes, and the tokens that they give.
//! - [`alerts`]: the owner's alerts.
//! - [`channels`]: the owner's channels.
//! - [`firings`]: what alerts are doing, and what the links in their notifications do.
//! - [`outages`]: when the service could hear no beat.
//! - [`owner`]: what the owner sees and decides.
//! - [`recent`]: what was read of the history lately.
//! - [`refresher`]: reads the stats, once for all who wait for them.
//! - [`stats_cache`]: the stats as they were last read or written, so that readers need no database.

mod alerts;
mod channels;
mod firings;
pub mod history;
mod known_tokens;
mod outages;
mod owner;
mod pairing;
mod recent;
mod refresher;
mod stats_cache;
#[cfg(test)]
mod tests;
mod worker;

use std::{net::IpAddr, sync::Arc};

use time::OffsetDateTime;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::{
    Clock, Error,
    database::{Reads, Session, SharedSession, Target, editor_keys},
    device::{DeviceName, Registered},
    editor_key::{EditorCredential, EditorKey},
    jobs::Eraser,
    metrics::ProcessMetrics,
    notify::subscriptions::Subscriptions,
    publication::Publication,
    runtime::Runtime,
    settings::{Choices, OwnerSettings},
    shares::Shares,
    stats::Snapshot,
    token::{Token, TokenHash},
};
use history::{RecentAbsences, RecentPresence};
use known_tokens::KnownTokens;
use outages::RecentOutages;
use pairing::PairingAttempts;
use refresher::Refresher;
pub use stats_cache::Revision;
use stats_cache::StatsCache;
use worker::{Change, Command, QueuedCommand, Worker};

/// Commands that may wait for the worker. When the queue is full, callers fail fast with
/// [`Error::Unavailable`], so that a database that hangs makes neither memory nor latency grow.
const QUEUE_CAPACITY: usize = 4096;

/// Maximum number of batches under way, each on a session that is opened when it is first needed: near the database, one
/// is enough. More shorten the time until the next batch starts, by ever less.
const MAX_BATCHES: usize = 6;

/// Beats with unknown tokens that may wait for the worker, see [`known_tokens`].
const UNKNOWN_BEATS_CAPACITY: usize = QUEUE_CAPACITY / 2;

/// Beats with unknown tokens that may wait from one client IP: more than the devices of a household, all of which are unknown after a start.
const UNKNOWN_BEATS_PER_CLIENT: usize = UNKNOWN_BEATS_CAPACITY / 4;

/// Lookups of unknown credentials of editors that may wait for the reads session. Each is one round trip, so that all of
/// them together delay the other reads by a few milliseconds.
const UNKNOWN_EDITORS_CAPACITY: usize = 64;

/// Lookups of unknown credentials of editors that may wait from one client IP: more than a household has editors that send in the same milliseconds.
const UNKNOWN_EDITORS_PER_CLIENT: usize = UNKNOWN_EDITORS_CAPACITY / 4;

/// One running Heartbeat. Clones share connections and cache.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    cache: Arc<StatsCache>,
    commands: mpsc::Sender<QueuedCommand>,
    refresher: Refresher,
    reads: Reads,
    eraser: Eraser,
    clock: Clock,
    runtime: Runtime,
    queued_events: Arc<Notify>,
    /// Kinds of events that the channel of the configuration wants, if there is one.
    configured_channel: Option<Arc<[String]>>,
    worker: Arc<watch::Sender<WorkerState>>,
    metrics: ProcessMetrics,
    known_tokens: KnownTokens,
    unknown_beats: Arc<Shares>,
    unknown_editors: Arc<Shares>,
    /// Session for what strangers do with codes and tokens on offer, so that nothing else waits for it.
    pairing: SharedSession,
    pairing_attempts: Arc<PairingAttempts>,
    /// Session for the history, so that neither the stats nor the owner wait for it.
    history: Reads,
    history_reads: Arc<Shares>,
    recent_presence: Arc<RecentPresence>,
    recent_absences: Arc<RecentAbsences>,
    recent_outages: Arc<RecentOutages>,
}

/// Whether the worker still takes commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WorkerState {
    Running,
    Ended,
}

/// Starts the worker. Returns its state, which changes even if it panics.
fn start(worker: impl Future<Output = ()> + Send + 'static) -> Arc<watch::Sender<WorkerState>> {
    let state = Arc::new(watch::Sender::new(WorkerState::Running));
    let ended = EndedOnDrop(Arc::clone(&state));
    tokio::spawn(async move {
        let _ended = ended;
        worker.await;
    });
    state
}

/// Changes the state when it is dropped.
struct EndedOnDrop(Arc<watch::Sender<WorkerState>>);

impl Drop for EndedOnDrop {
    fn drop(&mut self) {
        self.0.send_replace(WorkerState::Ended);
    }
}

impl Heartbeat {
    /// Starts the worker on the current tokio runtime. The database is first contacted when it is first needed.
    /// Events that the configured channels subscribe to go into the outbox, as do those for channels in the
    /// database. The settings that the configuration sets win over those that the owner chooses.
    #[must_use]
    pub fn start(
        database: &Target,
        clock: Clock,
        runtime: Runtime,
        configured: Subscriptions,
        settings: Choices,
    ) -> Self {
        let session = || SharedSession::new(Session::new(database.clone(), clock, runtime));
        let (writes, [reads, history, erasing, pairing]) = match runtime {
            Runtime::Server => {
                ((0..MAX_BATCHES).map(|_| session()).collect(), std::array::from_fn(|_| session()))
            }
            Runtime::Lambda => {
                let only = session();
                (vec![only.clone()], std::array::from_fn(|_| only.clone()))
            }
        };
        let reads = Reads::new(reads);
        let history_reads = Arc::new(Shares::new(history::READS_CAPACITY, history::READS_PER_CLIENT));
        let cache = Arc::new(StatsCache::new(settings.clone()));
        let (commands, queue) = mpsc::channel(QUEUE_CAPACITY);
        let queued_events = Arc::new(Notify::new());
        let metrics = ProcessMetrics::default();
        let configured_channel = configured.of_configured_channel().map(Arc::from);
        let worker = Worker::new(writes, Arc::clone(&cache), queue, configured, &queued_events, &metrics);
        let worker = start(worker.run());
        let publication = Publication::new(reads.clone(), settings);
        let refresher = Refresher::new(publication, Arc::clone(&cache), clock);
        Self {
            cache,
            commands,
            refresher,
            reads,
            eraser: Eraser::new(erasing.clone(), erasing),
            clock,
            runtime,
            queued_events,
            configured_channel,
            worker,
            metrics,
            known_tokens: KnownTokens::default(),
            unknown_beats: Arc::new(Shares::new(UNKNOWN_BEATS_CAPACITY, UNKNOWN_BEATS_PER_CLIENT)),
            unknown_editors: Arc::new(Shares::new(UNKNOWN_EDITORS_CAPACITY, UNKNOWN_EDITORS_PER_CLIENT)),
            pairing,
            pairing_attempts: Arc::default(),
            history: Reads::new(history),
            recent_presence: Arc::new(RecentPresence::new(Arc::clone(&history_reads))),
            recent_absences: Arc::new(RecentAbsences::new(Arc::clone(&history_reads))),
            recent_outages: Arc::new(RecentOutages::new(Arc::clone(&history_reads))),
            history_reads,
        }
    }

    /// Records a beat from `client`, if that is known; when this returns, it is committed. Returns its time, by the
    /// database's clock.
    pub async fn beat(&self, token: TokenHash, client: Option<IpAddr>) -> Result<OffsetDateTime, Error> {
        match self.record(token, client).await {
            Err(Error::UnknownToken) => Box::pin(self.record_offered(token, client)).await,
            recorded => recorded,
        }
    }

    /// Records the first beat with a token that is on offer. In a box of its own, as the futures of all other beats would
    /// have room for it.
    async fn record_offered(
        &self,
        token: TokenHash,
        client: Option<IpAddr>,
    ) -> Result<OffsetDateTime, Error> {
        if self.accept_offer(token, client).await? {
            self.record(token, client).await
        } else {
            Err(Error::UnknownToken)
        }
    }

    async fn record(&self, token: TokenHash, client: Option<IpAddr>) -> Result<OffsetDateTime, Error> {
        let record = || self.ask(|reply| Command::Beat(worker::Beat { token, reply }));
        if self.known_tokens.contains(&token) {
            return record().await;
        }
        // Strangers with made-up tokens leave room in the queue for devices, and for each other.
        let _share = self.unknown_beats.take(client).ok_or(Error::Unavailable)?;
        let recorded_at = record().await?;
        self.known_tokens.insert(token);
        Ok(recorded_at)
    }

    /// Returns the hash of the token of the device that an editor of `client`, if that is known, sends beats for. Asks the
    /// database each time: a credential that was replaced is dead at once, whichever process replaced it.
    pub async fn authenticate_editor(
        &self,
        credential: EditorCredential,
        client: Option<IpAddr>,
    ) -> Result<TokenHash, Error> {
        // Strangers with made-up credentials leave room in the reads session.
        let _share = if self.known_tokens.contains(credential.as_token()) {
            None
        } else {
            Some(self.unknown_editors.take(client).ok_or(Error::Unavailable)?)
        };
        let find = async |connection: &mut _| editor_keys::token_hash(connection, &credential).await;
        let token = self.reads.run(find).await?.ok_or(Error::UnknownToken)?;
        let token = TokenHash::stored(&token).ok_or(Error::Internal)?;
        self.known_tokens.insert(*credential.as_token());
        self.known_tokens.insert(token);
        Ok(token)
    }

    /// Adds a device.
    pub async fn register(&self, name: DeviceName, token: &Token) -> Result<Registered, Error> {
        let token = token.hash();
        let device = self.ask(|reply| Command::Change(Change::Register { name, token, reply })).await?;
        self.known_tokens.insert(token);
        Ok(device)
    }

    /// Gives device `id` a new token; the old one is invalid from here on.
    pub async fn replace_token(&self, id: i64, token: &Token) -> Result<Registered, Error> {
        let token = token.hash();
        let device = self.ask(|reply| Command::Change(Change::ReplaceToken { id, token, reply })).await?;
        self.known_tokens.insert(token);
        Ok(device)
    }

    /// Gives device `id` a new editor key; the old one is invalid from here on. Its token stays.
    pub async fn replace_editor_key(&self, id: i64, key: &EditorKey) -> Result<Registered, Error> {
        let key = key.hash();
        self.ask(|reply| Command::Change(Change::ReplaceEditorKey { id, key, reply })).await
    }

    /// Takes the editor key of device `id` away, if it has one.
    pub async fn remove_editor_key(&self, id: i64) -> Result<(), Error> {
        self.ask(|reply| Command::Change(Change::RemoveEditorKey { id, reply })).await
    }

    /// Returns the settings that the owner can choose, as they are now, whichever process changed them a second ago.
    pub async fn settings(&self) -> Result<OwnerSettings, Error> {
        self.check().await?;
        Ok(self.cache.settings())
    }

    /// Keeps what the owner chooses. A setting that the configuration sets is kept, too, and applies once it does not any more.
    pub async fn choose(&self, choices: Choices) -> Result<(), Error> {
        self.ask(|reply| Command::Change(Change::Choose { choices, reply })).await
    }

    /// Counts a view of a page. It is in every later [`snapshot`](Self::snapshot) of this process at
    /// once, and in the database when [`Runtime`] says.
    pub async fn count_visit(&self) {
        let first = self.cache.count_visit();
        match self.runtime {
            // A full queue wakes the worker just as well.
            Runtime::Server if first => drop(self.commands.try_send(QueuedCommand::new(Command::Wake))),
            Runtime::Server => {}
            // Visits that cannot be written now are written with the next one. The worker has logged why.
            Runtime::Lambda => drop(self.ask(Command::WriteVisits).await),
        }
    }

    /// The stats at the time `now`: with every beat that this process has acknowledged, and
    /// every one that any other process had acknowledged a second ago.
    pub async fn snapshot(&self, now: OffsetDateTime) -> Result<Arc<Snapshot>, Error> {
        if let Some(snapshot) = self.cache.fresh_snapshot(now) {
            return Ok(snapshot);
        }
        self.check().await?;
        self.cache.snapshot(now).ok_or(Error::Unavailable)
    }

    /// The visits that [`snapshot`](Self::snapshot) will return once one more is counted. Zero before the first snapshot.
    #[must_use]
    pub fn visits_with_this(&self) -> i64 {
        self.cache.visits_with_this()
    }

    /// The revision of what [`snapshot`](Self::snapshot) returns at the time `now`, or of an older one.
    pub async fn revision(&self, now: OffsetDateTime) -> Result<Revision, Error> {
        self.check().await?;
        Ok(self.cache.revision(now))
    }

    /// Waits until this process has changed the stats since this last returned. For one caller: the stream. What other
    /// processes change is in a later [`snapshot`](Self::snapshot).
    pub async fn changed(&self) {
        self.cache.changed().await;
    }

    /// Whether the database answers; asks it at most once a second.
    pub async fn check(&self) -> Result<(), Error> {
        if self.cache.is_fresh((self.clock)()) {
            return Ok(());
        }
        self.refresher.refresh().await
    }

    /// Queries that only read, and that no beat waits for.
    #[must_use]
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Metrics of this process. On Lambda they mean nothing: processes come and go with the requests.
    #[must_use]
    pub fn metrics(&self) -> &ProcessMetrics {
        &self.metrics
    }

    /// The process model that it was started for.
    #[must_use]
    pub fn runtime(&self) -> Runtime {
        self.runtime
    }

    /// Waits until this process has put events into the outbox since this last returned.
    pub async fn queued_events(&self) {
        self.queued_events.notified().await;
    }

    /// Wakes the one that waits for [`queued_events`](Self::queued_events): another part of this process has put events into
    /// the outbox.
    pub fn note_queued_events(&self) {
        self.queued_events.notify_one();
    }

    /// Waits until the worker has ended. Unless [`stop`](Self::stop) was called it panicked, and the process must end as
    /// well: nothing can be recorded any more.
    pub async fn ended(&self) {
        // An error says that the sender is gone, which `self` holds.
        let _ = self.worker.subscribe().wait_for(|state| *state == WorkerState::Ended).await;
    }

    /// Writes visits that only memory holds, and ends the worker. Everything asked for later fails
    /// with [`Error::Unavailable`].
    pub async fn stop(&self) {
        let (reply, stopped) = oneshot::channel();
        if self.commands.send(QueuedCommand::new(Command::Stop(reply))).await.is_ok() {
            // An error says that the worker has ended, which was the aim.
            let _ = stopped.await;
        }
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Command,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.commands.try_send(QueuedCommand::new(command(reply))).map_err(|_| Error::Unavailable)?;
        answer.await.unwrap_or(Err(Error::Unavailable))
    }
}
