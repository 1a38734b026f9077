//! The handle that routes work with.
//!
//! - [`worker`]: the one task that talks to the database, and gathers beats into commits.
//! - [`memory`]: the figures as they were last read or written, so that readers need no database.

mod memory;
mod worker;

use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;
use time::OffsetDateTime;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::{
    Clock, Error,
    database::Session,
    device::DeviceName,
    event::Audience,
    stats::Snapshot,
    token::{Token, TokenHash},
};
use memory::Memory;
pub use memory::Revision;
use worker::{Asked, Change, Command, Worker};

/// Commands that may wait for the worker. Whoever comes when there are more is turned away at once,
/// so that a database that hangs makes neither memory nor waiting times grow.
const QUEUE: usize = 4096;

/// One running Heartbeat. Clones share the same connection and memory.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    memory: Arc<Memory>,
    commands: mpsc::Sender<Asked>,
    clock: Clock,
    process: Process,
    events: Arc<Notify>,
}

/// What becomes of this process between two requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// It goes on. Views of the pages are written to the database many at a time, within a second, or when
    /// the heartbeat is [stopped](Heartbeat::stop).
    Running,
    /// It stands still, as on Lambda. Views are written before the page is answered.
    Frozen,
}

/// A device as it is shown to the one who registered it.
#[derive(Debug)]
pub struct Registered {
    /// Its id.
    pub id: i64,
    /// Its name; missing for some devices that an earlier Heartbeat registered.
    pub name: Option<String>,
}

impl Heartbeat {
    /// Starts the worker on the running tokio runtime. The database is first contacted when it is
    /// first needed. Events that `audience` wants go into the outbox.
    #[must_use]
    pub fn start(database: PgConnectOptions, clock: Clock, process: Process, audience: Audience) -> Self {
        let memory = Arc::new(Memory::default());
        let (commands, queue) = mpsc::channel(QUEUE);
        let events = Arc::default();
        let session = match process {
            Process::Running => Session::new(database, clock),
            Process::Frozen => Session::new(database, clock).of_a_frozen_process(),
        };
        let worker = Worker::new(session, clock, Arc::clone(&memory), queue, audience, Arc::clone(&events));
        tokio::spawn(worker.run());
        Self { memory, commands, clock, process, events }
    }

    /// Records a beat that arrived at `now`; when this returns, it is committed.
    pub async fn beat(&self, token: TokenHash, now: OffsetDateTime) -> Result<(), Error> {
        self.ask(|reply| Command::Beat(worker::Beat { token, time: now, reply })).await
    }

    /// Adds a device.
    pub async fn register(&self, name: DeviceName, token: &Token) -> Result<Registered, Error> {
        let token = token.hash();
        self.ask(|reply| Command::Change(Change::Register { name, token, reply })).await
    }

    /// Gives device `id` a new token; the old one is worth nothing from here on.
    pub async fn replace_token(&self, id: i64, token: &Token) -> Result<Registered, Error> {
        let token = token.hash();
        self.ask(|reply| Command::Change(Change::ReplaceToken { id, token, reply })).await
    }

    /// Counts a view of a page. It is in every later [`snapshot`](Self::snapshot) of this process at
    /// once, and in the database when [`Process`] says.
    pub async fn count_visit(&self) {
        let first = self.memory.count_visit();
        match self.process {
            // A full queue wakes the worker just as well.
            Process::Running if first => drop(self.commands.try_send(Asked::now(Command::Wake))),
            Process::Running => {}
            // What cannot be written now is written with the next one. The worker has logged why.
            Process::Frozen => drop(self.ask(Command::WriteVisits).await),
        }
    }

    /// The figures at the time `now`: with every beat that this process has acknowledged, and
    /// every one that any other process had acknowledged a second ago.
    pub async fn snapshot(&self, now: OffsetDateTime) -> Result<Arc<Snapshot>, Error> {
        if let Some(snapshot) = self.memory.fresh_snapshot(now) {
            return Ok(snapshot);
        }
        self.check().await?;
        self.memory.snapshot(now).ok_or(Error::Unavailable)
    }

    /// The name of the figures that [`snapshot`](Self::snapshot) has at the time `now`, or of older ones.
    pub async fn revision(&self, now: OffsetDateTime) -> Result<Revision, Error> {
        self.check().await?;
        Ok(self.memory.revision(now))
    }

    /// Whether the database answers; asks it at most once a second.
    pub async fn check(&self) -> Result<(), Error> {
        if self.memory.is_fresh((self.clock)()) {
            return Ok(());
        }
        self.ask(Command::Refresh).await
    }

    /// Waits until this process has put something into the outbox since this was last asked.
    pub async fn event(&self) {
        self.events.notified().await;
    }

    /// Writes down what only memory holds, and ends the worker. Everything asked for later fails
    /// with [`Error::Unavailable`].
    pub async fn stop(&self) {
        let (reply, stopped) = oneshot::channel();
        if self.commands.send(Asked::now(Command::Stop(reply))).await.is_ok() {
            // An error says that the worker has gone, which is what was wanted.
            let _ = stopped.await;
        }
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Command,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.commands.try_send(Asked::now(command(reply))).map_err(|_| Error::Unavailable)?;
        answer.await.unwrap_or(Err(Error::Unavailable))
    }
}
