//! The one task that talks to the database. Because everything it does is done in turn, what it
//! read and what it wrote never need to be put in order afterwards.
//!
//! While a commit is under way, what arrives waits in the queue; the next round takes all of it.
//! So the busier it is, the more beats share a commit, and a lone beat waits for nothing.

use std::{collections::HashSet, sync::Arc, time::Duration};

use time::OffsetDateTime;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::{Instant, timeout_at},
};

use tracing::{Instrument, Span};

use super::{QUEUE, Registered, memory::Memory};
use crate::{
    Clock, Error,
    database::{Session, beats, devices, stats},
    device::DeviceName,
    event::Audience,
    token::TokenHash,
};

/// How long the database may take for all that one round asks of it. Whoever arrives just after a
/// round began waits for the rest of it and for the next one: four seconds, with a database that hangs.
const ROUND_LIMIT: Duration = Duration::from_secs(2);

/// How long a visit may be in memory alone.
const VISITS_WAIT: Duration = Duration::from_secs(1);

/// The times of the beats in one statement span less than this; see [`beats::Batch`].
const BATCH_SPAN: time::Duration = time::Duration::SECOND;

type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// A command together with the span in which it was given: what the worker logs about it belongs to the
/// request behind it.
#[derive(Debug)]
pub(super) struct Asked {
    span: Span,
    command: Command,
}

impl Asked {
    /// A command of whoever is at work now.
    pub(super) fn now(command: Command) -> Self {
        Self { span: Span::current(), command }
    }
}

/// What the worker can be asked.
#[derive(Debug)]
pub(super) enum Command {
    Beat(Beat),
    Change(Change),
    /// Make the figures in memory recent enough to be shown.
    Refresh(Reply<()>),
    /// There are visits to write down later.
    Wake,
    /// Write the visits in memory down now.
    WriteVisits(Reply<()>),
    Stop(oneshot::Sender<()>),
}

/// A beat that waits to be recorded.
#[derive(Debug)]
pub(super) struct Beat {
    pub(super) token: TokenHash,
    pub(super) time: OffsetDateTime,
    pub(super) reply: Reply<()>,
}

/// A change to the devices.
#[derive(Debug)]
pub(super) enum Change {
    Register { name: DeviceName, token: TokenHash, reply: Reply<Registered> },
    ReplaceToken { id: i64, token: TokenHash, reply: Reply<Registered> },
}

/// What one round has to do, sorted by kind.
#[derive(Debug, Default)]
struct Round {
    beats: Vec<Beat>,
    changes: Vec<Change>,
    refreshes: Vec<Reply<()>>,
    visits: Vec<Reply<()>>,
    stop: Option<oneshot::Sender<()>>,
}

/// What comes after a round.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Round,
    Stop,
}

#[derive(Debug)]
pub(super) struct Worker {
    session: Session,
    memory: Arc<Memory>,
    queue: mpsc::Receiver<Asked>,
    clock: Clock,
    audience: Audience,
    /// The last beat that `stats` knew of when this process last moved it.
    noted: Option<OffsetDateTime>,
    /// Told when there is something in the outbox.
    events: Arc<Notify>,
    /// When the visits in memory are to be written down.
    write_visits_at: Option<Instant>,
}

impl Worker {
    pub(super) fn new(
        session: Session,
        clock: Clock,
        memory: Arc<Memory>,
        queue: mpsc::Receiver<Asked>,
        audience: Audience,
        events: Arc<Notify>,
    ) -> Self {
        Self { session, memory, queue, clock, audience, noted: None, events, write_visits_at: None }
    }

    /// Works until it is told to stop, or until nobody is left to tell it anything.
    pub(super) async fn run(mut self) {
        let mut commands = Vec::new();
        while self.receive(&mut commands).await {
            // Where requests share a round, the first one stands for all.
            let span = commands.first().map_or_else(Span::none, |asked| asked.span.clone());
            let round = Round::sort(commands.drain(..).map(|asked| asked.command));
            if self.work(round).instrument(span).await == Next::Stop {
                return;
            }
        }
    }

    async fn work(&mut self, round: Round) -> Next {
        let deadline = Instant::now() + ROUND_LIMIT;
        self.record(round.beats, deadline).await;
        for change in round.changes {
            self.change(change, deadline).await;
        }
        self.refresh(round.refreshes, deadline).await;
        self.write_visits(round.visits, round.stop.is_some(), deadline).await;
        let Some(stopped) = round.stop else { return Next::Round };
        // Whoever waits for the end may have gone.
        let _ = stopped.send(());
        Next::Stop
    }

    /// Waits for commands, or until visits are to be written down. False when nobody is left.
    async fn receive(&mut self, commands: &mut Vec<Asked>) -> bool {
        let received = self.queue.recv_many(commands, QUEUE);
        match self.write_visits_at {
            Some(at) => timeout_at(at, received).await.is_err() || !commands.is_empty(),
            None => received.await > 0,
        }
    }

    async fn record(&mut self, mut beats: Vec<Beat>, deadline: Instant) {
        while let Some(first) = beats.first() {
            let end = first.time + BATCH_SPAN;
            let later = beats.iter().position(|beat| beat.time >= end).unwrap_or(beats.len());
            let rest = beats.split_off(later);
            self.record_batch(beats, deadline).await;
            beats = rest;
        }
    }

    async fn record_batch(&mut self, beats: Vec<Beat>, deadline: Instant) {
        let (tokens, times) = beats.iter().map(|beat| (beat.token, beat.time)).unzip();
        let batch = beats::Batch { tokens, times };
        let outcome = self
            .session
            .run(deadline, async |connection| {
                beats::record(connection, &batch, &self.audience, self.noted).await
            })
            .await;
        if let Ok(counted) = &outcome {
            self.memory.count(counted);
            self.noted = self.noted.max(counted.iter().find_map(|device| device.noted));
            let ended =
                counted.iter().any(|device| device.ended_absence) && !self.audience.absences.is_empty();
            if ended || !counted.is_empty() && !self.audience.beats.is_empty() {
                self.events.notify_one();
            }
        }
        let recognised = outcome
            .as_ref()
            .map(|counted| counted.iter().map(|device| device.token_hash.as_slice()).collect::<HashSet<_>>());
        for beat in beats {
            let answer = match &recognised {
                Ok(tokens) if tokens.contains(&beat.token.as_bytes()[..]) => Ok(()),
                Ok(_) => Err(Error::UnknownToken),
                Err(error) => Err(**error),
            };
            // Whoever sent the beat may have gone; it counts all the same.
            let _ = beat.reply.send(answer);
        }
    }

    async fn change(&mut self, change: Change, deadline: Instant) {
        match change {
            Change::Register { name, token, reply } => {
                let (now, receivers) = ((self.clock)(), &self.audience.devices);
                let added = self
                    .session
                    .run(deadline, async |connection| {
                        devices::add(connection, &name, token, now, receivers).await
                    })
                    .await;
                if let Ok(id) = added {
                    self.memory.add_device(id, name.as_str());
                    if !receivers.is_empty() {
                        self.events.notify_one();
                    }
                }
                let _ = reply.send(added.map(|id| Registered { id, name: Some(name.as_str().to_owned()) }));
            }
            Change::ReplaceToken { id, token, reply } => {
                let replaced = self
                    .session
                    .run(deadline, async |connection| devices::replace_token(connection, id, token).await)
                    .await;
                let _ = reply.send(
                    replaced
                        .and_then(|found| found.ok_or(Error::UnknownDevice))
                        .map(|name| Registered { id, name }),
                );
            }
        }
    }

    async fn refresh(&mut self, waiting: Vec<Reply<()>>, deadline: Instant) {
        if waiting.is_empty() {
            return;
        }
        let outcome = if self.memory.is_fresh((self.clock)()) { Ok(()) } else { self.read(deadline).await };
        for reply in waiting {
            let _ = reply.send(outcome);
        }
    }

    async fn read(&mut self, deadline: Instant) -> Result<(), Error> {
        let asked_at = (self.clock)();
        let figures = self.session.run(deadline, stats::read).await?;
        self.memory.replace(figures, asked_at);
        Ok(())
    }

    /// Writes down the visits in memory if somebody waits for that, if it is time, or if there will be
    /// no other time.
    async fn write_visits(&mut self, waiting: Vec<Reply<()>>, last_chance: bool, deadline: Instant) {
        let visits = self.memory.unwritten_visits();
        let mut outcome = Ok(());
        if visits == 0 {
            self.write_visits_at = None;
        } else {
            let due = *self.write_visits_at.get_or_insert_with(|| Instant::now() + VISITS_WAIT);
            if last_chance || !waiting.is_empty() || Instant::now() >= due {
                outcome = self.write(visits, deadline).await;
                let remaining = self.memory.unwritten_visits() > 0;
                self.write_visits_at = remaining.then(|| Instant::now() + VISITS_WAIT);
            }
        }
        for reply in waiting {
            let _ = reply.send(outcome);
        }
    }

    async fn write(&mut self, visits: i64, deadline: Instant) -> Result<(), Error> {
        self.session.run(deadline, async |connection| stats::add_visits(connection, visits).await).await?;
        self.memory.visits_written(visits);
        Ok(())
    }
}

impl Round {
    fn sort(commands: impl Iterator<Item = Command>) -> Self {
        let mut round = Self::default();
        for command in commands {
            match command {
                Command::Beat(beat) => round.beats.push(beat),
                Command::Change(change) => round.changes.push(change),
                Command::Refresh(reply) => round.refreshes.push(reply),
                Command::Wake => {}
                Command::WriteVisits(reply) => round.visits.push(reply),
                Command::Stop(stopped) => round.stop = Some(stopped),
            }
        }
        round
    }
}
