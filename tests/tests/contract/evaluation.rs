//! What an evaluation of alerts reads, writes and locks, without a server.

use std::time::Duration;

use heartbeat_core::{
    alert::{After, situation::Situation},
    database::{
        Connection, Pooler, Session, SharedSession, Target,
        evaluation::Purpose,
        outbox, past,
        situation::{self, Configured},
    },
    jobs::{Evaluated, Evaluator},
    runtime::Runtime,
    settings::Choices,
};
use heartbeat_tests::{Database, Server};
use time::OffsetDateTime;
use tokio::time::timeout;

/// Timeout of what waits for no lock: less than that of any statement.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Time that is looked at for what is unusual.
const LOOKBACK: time::Duration = time::Duration::days(90);

#[expect(clippy::disallowed_methods, reason = "a program on this database reads the same clock")]
fn system_clock() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

fn configured() -> Configured {
    Configured { choices: Choices::default(), has_channel: false }
}

/// A database with a device, a channel of the owner (1), one of a friend (2), and an alert that tells both after ten minutes and
/// each hour again.
struct Alerts {
    database: Database,
    evaluator: Evaluator,
}

impl Alerts {
    async fn begin() -> Self {
        let (_, database) = Server::fresh().await;
        database
            .execute(
                "INSERT INTO heartbeat.devices (name, token_hash, last_beat)
                 VALUES ('Laptop', sha256('token'), now() - interval '1 hour');
                 INSERT INTO heartbeat.channels (name, kind, audience, settings)
                 VALUES ('Me', 'webhook', 'owner', '{}'), ('Anna', 'webhook', 'friend', '{}');
                 INSERT INTO heartbeat.alerts (name, after_seconds, repeat_seconds, channels)
                 VALUES ('Ten minutes', 600, 3600, '{1,2}');
                 DELETE FROM heartbeat.outages",
            )
            .await;
        let session = Session::new(target(&database), system_clock, Runtime::Server);
        Self { evaluator: Evaluator::new(SharedSession::new(session), configured()), database }
    }

    async fn connection(&self) -> Connection {
        Connection::open(&target(&self.database)).await.expect("a connection")
    }

    async fn evaluate(&self) -> Evaluated {
        self.evaluator.run().await.expect("an evaluation")
    }

    async fn read(&self, purpose: Purpose) -> Situation {
        let mut connection = self.connection().await;
        let situation = situation::read(&mut connection, &configured(), purpose).await.expect("a situation");
        connection.commit().await.expect("a commit");
        situation
    }

    async fn waiting(&self) -> Vec<i64> {
        let ids =
            self.database.text("SELECT string_agg(id::text, ' ' ORDER BY id) FROM heartbeat.outbox").await;
        ids.split(' ').map(|id| id.parse().expect("an id")).collect()
    }
}

fn target(database: &Database) -> Target {
    Target::new(database.url().parse().expect("options"), Pooler::None)
}

#[tokio::test]
async fn outages_that_were_over_when_the_absence_began_are_not_read_and_old_ones_are_deleted() {
    let alerts = Alerts::begin().await;
    alerts
        .database
        .execute(
            "INSERT INTO heartbeat.outages
             SELECT now() - number * interval '1 day', now() - number * interval '1 day' + interval '11 minutes'
             FROM generate_series(1, 2000) AS number;
             INSERT INTO heartbeat.outages VALUES (now() - interval '50 minutes', now() - interval '30 minutes')",
        )
        .await;
    assert_eq!(alerts.read(Purpose::Show).await.outages.len(), 1);
    for (recorded, left) in [(0, 2_001), (1, 1_002), (2, 403), (3, 404)] {
        assert_eq!(
            alerts.database.number("SELECT count(*) FROM heartbeat.outages").await,
            left,
            "{recorded} were recorded"
        );
        let age = format!(
            "UPDATE heartbeat.alert_evaluation SET evaluated_at = now() - interval '{} minutes'",
            11 + recorded
        );
        alerts.database.execute(&age).await;
        alerts.evaluate().await;
    }
}

#[tokio::test]
async fn of_all_repetitions_the_last_two_are_kept_and_how_many_there_were() {
    let alerts = Alerts::begin().await;
    let send = async || {
        alerts
            .database
            .execute(
                "DELETE FROM heartbeat.outbox;
                 UPDATE heartbeat.alert_notifications SET sent_at = now() WHERE sent_at IS NULL AND withdrawn_at IS NULL",
            )
            .await;
    };
    assert_eq!(alerts.evaluate().await, Evaluated::Told(2));
    send().await;
    for repetition in 1..=12 {
        alerts
            .database
            .execute(
                "UPDATE heartbeat.alert_firings
                 SET fired_at = fired_at - interval '1 hour', repeated_at = repeated_at - interval '1 hour';
                 UPDATE heartbeat.alert_notifications SET queued_at = queued_at - interval '1 hour'",
            )
            .await;
        alerts.evaluate().await;
        // Each other one takes the place of one that was not sent, but for the last that the friend is told.
        if repetition % 2 == 0 {
            send().await;
        }
        if repetition == 4 {
            let report = "UPDATE heartbeat.alert_notifications SET reported_at = now() WHERE channel = 1 AND repetition = 4";
            alerts.database.execute(report).await;
        }
    }
    let kept = "SELECT string_agg(concat_ws(' ', channel, kind, repetition, earlier), ', ' ORDER BY channel, repetition)
        FROM heartbeat.alert_notifications";
    assert_eq!(
        alerts.database.text(kept).await,
        "1 fired 0 0, 1 repeated 4 1, 1 repeated 10 4, 1 repeated 12 5, \
         2 fired 0 0, 2 repeated 8 3, 2 repeated 9 4"
    );
    let told = |situation: &Situation, channel| situation.firings[0].repetitions_told(channel);
    let situation = alerts.read(Purpose::Show).await;
    assert_eq!((told(&situation, 1), told(&situation, 2)), (6, 5));
}

#[tokio::test]
async fn what_is_unusual_is_kept_by_evaluations_and_not_by_those_who_look() {
    let alerts = Alerts::begin().await;
    alerts.database.execute("UPDATE heartbeat.alerts SET after_seconds = NULL").await;
    let kept = "SELECT count(*) FROM heartbeat.unusual_absences";
    alerts.read(Purpose::Show).await;
    assert_eq!(alerts.database.number(kept).await, 0);
    alerts.evaluate().await;
    assert_eq!(alerts.database.number(kept).await, 1);
}

#[tokio::test]
async fn what_is_unusual_is_known_although_beats_are_rolled_up_every_five_minutes() {
    let alerts = Alerts::begin().await;
    alerts
        .database
        .execute(
            "UPDATE heartbeat.alerts SET after_seconds = NULL;
             UPDATE heartbeat.devices SET last_beat = now();
             INSERT INTO heartbeat.rolled_devices VALUES (0, now() - interval '60 days', now() - interval '8 minutes')",
        )
        .await;
    let mut connection = alerts.connection().await;
    // As a function finds it at the next run, and after a run that failed; then while older beats are being read.
    for (minutes, is_unusual_known, are_short_ones_known) in
        [(7, true, true), (13, true, false), (21, false, false)]
    {
        let age = format!("UPDATE heartbeat.roll_up SET rolled_until = now() - interval '{minutes} minutes'");
        alerts.database.execute(&age).await;
        let situation = alerts.read(Purpose::Show).await;
        let after = situation.effective_after(&situation.alerts[0]);
        assert_eq!(after.is_some(), is_unusual_known, "{minutes} minutes");
        let After::Fixed(shortest) = After::parse("10m").expect("a length") else { panic!("a fixed one") };
        let past = past::read(&mut connection, None, LOOKBACK, shortest).await.expect("the past");
        assert_eq!(past.data_since.is_some(), are_short_ones_known, "{minutes} minutes");
        // No beat was missed for as long as that.
        assert_eq!(past.absences, []);
    }
}

#[tokio::test]
async fn an_evaluation_and_a_dispatcher_do_not_wait_for_each_other() {
    let alerts = Alerts::begin().await;
    assert_eq!(alerts.evaluate().await, Evaluated::Told(2));
    let events = alerts.waiting().await;

    // An evaluation that takes long: it holds what it may withdraw.
    let (mut evaluation, mut dispatcher) = (alerts.connection().await, alerts.connection().await);
    evaluation.begin("BEGIN").await.expect("a transaction");
    situation::read(&mut evaluation, &configured(), Purpose::Decide).await.expect("a situation");
    let attempt = timeout(AT_ONCE, outbox::attempt(&mut dispatcher, &events)).await.expect("no wait");
    assert_eq!(attempt.expect("an answer"), Vec::<i64>::new());
    evaluation.commit().await.expect("a commit");

    // A dispatcher that takes long, with the first of them; the absence ends meanwhile.
    dispatcher.begin("BEGIN").await.expect("a transaction");
    assert_eq!(outbox::attempt(&mut dispatcher, &events[..1]).await.expect("an answer"), events[..1]);
    alerts.database.execute("UPDATE heartbeat.owner SET ok_at = now()").await;
    // The owner is told, as the first may have arrived; the friend was told nothing.
    let evaluated = timeout(AT_ONCE, alerts.evaluate()).await.expect("no wait");
    assert_eq!(evaluated, Evaluated::Told(1));
    dispatcher.commit().await.expect("a commit");
    let left = "SELECT string_agg(channel || ' ' || kind, ', ' ORDER BY id) FROM heartbeat.outbox";
    assert_eq!(alerts.database.text(left).await, "channel:1 alert.fired, channel:1 alert.resolved");
}
