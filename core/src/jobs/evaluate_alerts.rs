//! Evaluates alerts: decides what they tell, and puts it into the outbox, in one transaction.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    Error,
    alert::{
        Alert, ToldKind,
        decision::{Transition, decide},
        firing::Firing,
        notice::{notice, payload, test_notice},
        situation::Situation,
    },
    database::{
        Connection, SharedSession,
        evaluation::{self, Purpose},
        firings::{self, Message},
        situation::{self, Configured},
    },
};

/// Timeout of an evaluation: more than a dozen round trips to a database that is far away.
const EVALUATION_TIMEOUT: Duration = Duration::from_secs(8);

/// What an evaluation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evaluated {
    /// Nothing: another process is at it.
    Elsewhere,
    /// It put so many events into the outbox.
    Told(usize),
}

/// Evaluates alerts, through a session that nothing slow uses.
#[derive(Debug)]
pub struct Evaluator {
    session: SharedSession,
    configured: Configured,
}

impl Evaluator {
    /// Returns what evaluates alerts through `session`, for a program with this configuration.
    #[must_use]
    pub fn new(session: SharedSession, configured: Configured) -> Self {
        Self { session, configured }
    }

    /// Evaluates all alerts, unless another process does so right now. All of it happens or nothing; a failure is logged where
    /// it happens.
    pub async fn run(&self) -> Result<Evaluated, Error> {
        let configured = &self.configured;
        let work = async |connection: &mut Connection| evaluate(connection, configured).await;
        let evaluated = self.session.run(Instant::now() + EVALUATION_TIMEOUT, work).await?;
        if let Evaluated::Told(events @ 1..) = evaluated {
            tracing::info!(job = "evaluate_alerts", events, "alerts told");
        }
        Ok(evaluated)
    }
}

async fn evaluate(connection: &mut Connection, configured: &Configured) -> Result<Evaluated, sqlx::Error> {
    let Some(turn) = evaluation::claim(connection).await? else { return Ok(Evaluated::Elsewhere) };
    if !turn.has_work {
        return Ok(Evaluated::Told(0));
    }
    let situation = situation::read(connection, configured, Purpose::Decide).await?;
    let mut transitions = decide(&situation);
    write(connection, &situation, &mut transitions).await?;
    let told = transitions.iter().flat_map(|transition| {
        let messages = transition.messages.iter();
        messages.filter_map(|(channel, kind)| message(&situation, &transition.firing, *channel, *kind))
    });
    let tests = situation.tests.iter().filter_map(|id| situation.alert(*id));
    let tests = tests.flat_map(|alert| test(&situation, alert));
    let messages: Vec<Message> = told.chain(tests).collect();
    if !messages.is_empty() {
        firings::tell(connection, &messages, situation.now).await?;
    }
    if !situation.tests.is_empty() {
        firings::forget_tests(connection, &situation.tests).await?;
    }
    Ok(Evaluated::Told(messages.len()))
}

/// Writes what becomes of the firings. Those that are new get their ids; where the alert fired for the same absence before,
/// there is nothing to tell.
async fn write(
    connection: &mut Connection,
    situation: &Situation,
    transitions: &mut Vec<Transition>,
) -> Result<(), sqlx::Error> {
    let withdrawn: Vec<i64> = transitions.iter().flat_map(|it| it.withdrawn.clone()).collect();
    if !withdrawn.is_empty() {
        firings::withdraw(connection, &withdrawn, situation.now).await?;
    }
    let (mut opened, changed): (Vec<Transition>, Vec<Transition>) =
        std::mem::take(transitions).into_iter().partition(|it| it.firing.id.is_none());
    if !changed.is_empty() {
        let changed: Vec<&Firing> = changed.iter().map(|it| &it.firing).collect();
        firings::update(connection, &changed).await?;
    }
    if !opened.is_empty() {
        let new: Vec<&Firing> = opened.iter().map(|it| &it.firing).collect();
        let ids = firings::add(connection, &new).await?;
        opened.iter_mut().zip(ids).for_each(|(it, id)| it.firing.id = id);
        opened.retain(|it| it.firing.id.is_some());
    }
    transitions.extend(opened.into_iter().chain(changed));
    Ok(())
}

/// Returns the message that tells a channel of a firing. `None` if a time is one that no calendar has.
fn message(situation: &Situation, firing: &Firing, channel: i64, kind: ToldKind) -> Option<Message> {
    let payload = payload(situation, &notice(situation, firing, kind), firing.device).ok()?;
    Some(Message { firing: firing.id, channel, kind, payload })
}

/// Returns the messages of a test of an alert.
fn test(situation: &Situation, alert: &Alert) -> Vec<Message> {
    let notice = test_notice(situation, alert);
    let Ok(payload) = payload(situation, &notice, alert.rule.device) else { return Vec::new() };
    let message =
        |channel: i64| Message { firing: None, channel, kind: ToldKind::Fired, payload: payload.clone() };
    situation.channels_of(alert).map(|channel| message(channel.id)).collect()
}
