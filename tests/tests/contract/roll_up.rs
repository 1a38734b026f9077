//! What is kept of beats, against what a look at all of them says.

use heartbeat_core::{
    Heartbeat,
    alert::{AFTER_MIN, After},
    database::{Connection, Pooler, Target, evaluation::Purpose, past, roll_up, unusual},
    notify::subscriptions::Subscriptions,
    runtime::Runtime,
    settings::{Choices, Timezone},
};
use heartbeat_tests::{Database, Server, eventually};
use sqlx::Row;
use time::{Duration, OffsetDateTime};

#[expect(clippy::disallowed_methods, reason = "a program on this database reads the same clock")]
fn system_clock() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// Absences of ten minutes and more, as a query says that knows nothing but the beats.
const ABSENCES: &str = "
    SELECT device, started_at, ended_at FROM (
        SELECT
            COALESCE(former.device, beats.device) AS device,
            lag(time_stamp) OVER (PARTITION BY COALESCE(former.device, beats.device) ORDER BY time_stamp) AS started_at,
            time_stamp AS ended_at
        FROM heartbeat.beats LEFT JOIN heartbeat.former_ids AS former ON former.former_id = beats.device
        WHERE time_stamp <= (SELECT rolled_until FROM heartbeat.roll_up)
          AND COALESCE(former.device, beats.device) IN (SELECT id FROM heartbeat.devices)
    ) AS gap WHERE ended_at - started_at >= interval '10 minutes'";

/// Absences of all together.
const COMMON: &str = "
    SELECT extract(epoch FROM started_at)::bigint, extract(epoch FROM ended_at)::bigint FROM (
        SELECT lag(time_stamp) OVER (ORDER BY time_stamp) AS started_at, time_stamp AS ended_at
        FROM heartbeat.beats JOIN heartbeat.devices ON id = device AND sign_of_life
    ) AS gap WHERE ended_at - started_at >= interval '10 minutes' ORDER BY started_at";

const ROLLED_UP: &str =
    "SELECT count(*) FROM heartbeat.roll_up WHERE rolled_until > now() - interval '2 minutes'";

/// A database without a server, whose beats the test makes.
pub(super) struct History {
    pub(super) database: Database,
    pub(super) connection: Connection,
}

impl History {
    /// Tables with devices 0 to 4, the last of which is no sign of life.
    pub(super) async fn begin() -> Self {
        let (_, database) = Server::fresh().await;
        let target = Target::new(database.url().parse().expect("options"), Pooler::None);
        let connection = Connection::open(&target).await.expect("a connection");
        database
            .execute(
                "INSERT INTO heartbeat.devices (name, token_hash, sign_of_life)
                 SELECT 'Device ' || number, sha256(number::text::bytea), number < 4 FROM generate_series(0, 4) AS number",
            )
            .await;
        Self { database, connection }
    }

    /// A program on this database.
    fn heartbeat(&self) -> Heartbeat {
        let target = Target::new(self.database.url().parse().expect("options"), Pooler::None);
        Heartbeat::start(&target, system_clock, Runtime::Server, Subscriptions::default(), Choices::default())
    }

    /// Beats of all devices at random seconds of the last `days` days, most of them a few minutes after the one before.
    pub(super) async fn beat_at_random(&self, days: i64) {
        self.database
            .execute(&format!(
                "SELECT setseed(0.4);
                 INSERT INTO heartbeat.beats (device, time_stamp)
                 SELECT device, time_stamp FROM (
                     SELECT device, date_trunc('second', now()) - interval '{days} days'
                         + sum(CASE WHEN random() < 0.1 THEN 20000 * random() ELSE 700 * random() END::int)
                             OVER (PARTITION BY device ORDER BY number) * interval '1 second' AS time_stamp
                     FROM generate_series(0, 4) AS device, generate_series(1, 3000) AS number
                 ) AS beat
                 WHERE time_stamp < now()
                 ORDER BY random();
                 UPDATE heartbeat.devices SET last_beat = (SELECT max(time_stamp) FROM heartbeat.beats WHERE device = id)"
            ))
            .await;
    }

    /// Reads all beats that may be read, in slices.
    pub(super) async fn roll(&mut self, length: Duration) {
        loop {
            let rolled =
                roll_up::roll(&mut self.connection, length).await.expect("rolled up").expect("claimed");
            self.connection.commit().await.expect("committed");
            if rolled.behind().is_zero() {
                break;
            }
        }
    }

    async fn assert_absences(&self) {
        let wrong = format!(
            "WITH kept AS (SELECT device, started_at, ended_at FROM heartbeat.device_absences), actual AS ({ABSENCES})
             SELECT (SELECT count(*) FROM (SELECT * FROM actual EXCEPT ALL SELECT * FROM kept) AS missing)
                 + (SELECT count(*) FROM (SELECT * FROM kept EXCEPT ALL SELECT * FROM actual) AS invented)"
        );
        assert_eq!(self.database.number(&wrong).await, 0);
    }

    async fn absences(&self) -> i64 {
        self.database.number("SELECT count(*) FROM heartbeat.device_absences").await
    }
}

#[tokio::test]
async fn absences_of_devices_are_what_all_beats_say_however_they_are_sliced() {
    for length in [Duration::minutes(7), Duration::DAY, Duration::days(32)] {
        let mut history = History::begin().await;
        history.beat_at_random(3).await;
        history.roll(length).await;
        history.assert_absences().await;
        assert!(history.absences().await > 100);
        // It goes on where it stopped.
        history.database.execute(
            "UPDATE heartbeat.roll_up SET rolled_until = rolled_until - interval '2 hours';
             UPDATE heartbeat.rolled_devices SET (first_beat, last_beat) = (
                 SELECT min(time_stamp), max(time_stamp) FROM heartbeat.beats, heartbeat.roll_up
                 WHERE beats.device = rolled_devices.device AND time_stamp <= rolled_until);
             DELETE FROM heartbeat.device_absences WHERE ended_at > (SELECT rolled_until FROM heartbeat.roll_up)",
        ).await;
        history.roll(length).await;
        history.assert_absences().await;
    }
}

#[tokio::test]
async fn absences_of_all_devices_together_are_the_times_between_their_beats() {
    let mut history = History::begin().await;
    history.beat_at_random(5).await;
    history.roll(Duration::DAY).await;
    let past =
        past::read(&mut history.connection, None, Duration::days(365), AFTER_MIN).await.expect("the past");
    let found = past.absences.iter().filter_map(|absence| {
        Some((absence.started_at.unix_timestamp(), absence.ended_at?.unix_timestamp()))
    });
    let rows = sqlx::raw_sql(COMMON).fetch_all(&mut history.database.connect().await).await.expect("rows");
    let gaps = rows.iter().filter_map(|row| Some((row.get::<Option<i64>, _>(0)?, row.get::<i64, _>(1))));
    let found: Vec<(i64, i64)> = found.collect();
    assert_eq!(found, gaps.collect::<Vec<_>>());
    assert!(found.len() > 10, "{}", found.len());
    // The one that goes on begins with the last beat of them.
    let last = past.absences.last().filter(|absence| absence.ended_at.is_none());
    let last_beat =
        "SELECT extract(epoch FROM max(last_beat))::bigint FROM heartbeat.devices WHERE sign_of_life";
    let last_beat = history.database.number(last_beat).await;
    let is_long = past.now.unix_timestamp() - last_beat >= 600;
    assert_eq!(last.map(|absence| absence.started_at.unix_timestamp()), is_long.then_some(last_beat));
}

#[tokio::test]
async fn beats_of_former_ids_and_of_erased_devices_are_theirs_or_nobodys() {
    let mut history = History::begin().await;
    let former = 1_i64 << 58;
    history
        .database
        .execute(&format!(
            "INSERT INTO heartbeat.former_ids (former_id, device) VALUES ({former}, 1);
             INSERT INTO heartbeat.beats SELECT {former}, now() - interval '10 hours';
             INSERT INTO heartbeat.beats SELECT 1, now() - interval '9 hours';
             INSERT INTO heartbeat.beats SELECT 2, now() - number * interval '1 hour' FROM generate_series(1, 9) AS number;
             INSERT INTO heartbeat.beats SELECT 99, now() - number * interval '1 hour' FROM generate_series(1, 9) AS number"
        ))
        .await;
    history.roll(Duration::DAY).await;
    history.assert_absences().await;
    assert_eq!(history.absences().await, 1 + 8);
    // One that is erased while its beats are read is forgotten the next time.
    history.database.execute("DELETE FROM heartbeat.devices WHERE id = 2").await;
    history.roll(Duration::DAY).await;
    assert_eq!(history.absences().await, 1);
    history.assert_absences().await;
}

#[tokio::test]
async fn beats_in_the_future_are_left_alone_and_read_again_after_the_clock_was_set_back() {
    let mut history = History::begin().await;
    history
        .database
        .execute(
            "INSERT INTO heartbeat.beats
             SELECT 0, now() + number * interval '1 hour' FROM generate_series(-5, 5) AS number",
        )
        .await;
    history.roll(Duration::DAY).await;
    assert_eq!(history.absences().await, 4);
    // It was read while the clock was three hours ahead.
    history
        .database
        .execute(
            "UPDATE heartbeat.roll_up SET rolled_until = now() + interval '3 hours';
             INSERT INTO heartbeat.device_absences
             SELECT 0, now() + interval '1 hour', now() + interval '2 hours';
             INSERT INTO heartbeat.beats SELECT 0, now() - interval '90 minutes'",
        )
        .await;
    history.roll(Duration::DAY).await;
    history.assert_absences().await;
    assert_eq!(history.absences().await, 5);
}

#[tokio::test]
async fn one_process_reads_at_a_time_and_no_beat_waits_for_it() {
    let (server, database) = Server::fresh().await;
    let device = server.device("Laptop").await;
    device.beat().await;
    let target = Target::new(database.url().parse().expect("options"), Pooler::None);
    let connect = async || Connection::open(&target).await.expect("a connection");
    let (mut first, mut second) = (connect().await, connect().await);
    // The server has turns, too.
    eventually("a turn", async || {
        let rolled = roll_up::roll(&mut first, Duration::DAY).await.expect("rolled up");
        rolled.is_some_and(|rolled| rolled.until < system_clock())
    })
    .await;
    // Its transaction goes on.
    assert_eq!(roll_up::roll(&mut second, Duration::DAY).await.expect("rolled up"), None);
    device.beat().await;
    assert_eq!(server.owner().send(reqwest::Method::DELETE, "/api/devices/0", Vec::new()).await.status, 204);
}

#[tokio::test]
async fn servers_read_what_they_find_after_an_upgrade() {
    let history = History::begin().await;
    history.beat_at_random(3).await;
    let mut server = heartbeat_tests::ServerBuilder::on(&history.database).start().await;
    server.wait_for("roll_up").await;
    assert_eq!(history.database.number(ROLLED_UP).await, 1);
    history.assert_absences().await;
}

#[tokio::test]
async fn a_preview_says_when_an_alert_would_have_fired_and_what_is_unusual() {
    let mut history = History::begin().await;
    history
        .database
        .execute(
            "INSERT INTO heartbeat.beats
             SELECT device, now() - interval '40 days' + number * interval '8 hours' + device * interval '1 minute'
             FROM generate_series(0, 1) AS device, generate_series(0, 119) AS number
             WHERE number NOT BETWEEN 30 AND 35 AND number NOT BETWEEN 60 AND 62;
             INSERT INTO heartbeat.beats SELECT 4, now() - number * interval '8 hours' FROM generate_series(1, 119) AS number;
             UPDATE heartbeat.devices SET last_beat = (SELECT max(time_stamp) FROM heartbeat.beats WHERE device = id)",
        )
        .await;
    let heartbeat = history.heartbeat();
    let preview = async |after: &str, device| {
        let preview =
            heartbeat.preview(After::parse(after).expect(after), device, None).await.expect("a preview");
        let hours = preview.firings.iter().map(|firing| (firing.fired_at - firing.since).whole_hours());
        (
            preview.effective_after.map(|after| after.to_string()),
            hours.collect::<Vec<_>>(),
            preview.data_since,
        )
    };
    // Nothing was read yet.
    assert_eq!(preview("30h", None).await, (Some("30h".to_owned()), vec![], None));
    assert_eq!(preview("unusual", None).await, (None, vec![], None));
    history.roll(Duration::DAY).await;
    let (after, fired, data_since) = preview("30h", None).await;
    assert_eq!((after.as_deref(), fired, data_since.is_some()), (Some("30h"), vec![30, 30], true));
    // One of 56 hours, one of 32, and then some of 8.
    assert_eq!(preview("unusual", None).await.0.as_deref(), Some("12h"));
    assert_eq!(preview("unusual", None).await.1, [12, 12]);
    assert_eq!(preview("30h", Some(4)).await.1, Vec::<i64>::new());
    let unknown = heartbeat.preview(After::Unusual, Some(77), None).await;
    assert!(matches!(unknown, Err(heartbeat_core::Error::UnknownDevice)), "{unknown:?}");
}

#[tokio::test]
async fn a_year_of_many_devices_is_previewed_while_one_types() {
    let mut history = History::begin().await;
    history
        .database
        .execute(
            "INSERT INTO heartbeat.devices (name, token_hash) SELECT 'More', sha256(random()::text::bytea) FROM generate_series(5, 19);
             INSERT INTO heartbeat.device_absences
             SELECT device, now() - number * interval '1 hour', now() - number * interval '1 hour' + interval '21 minutes'
             FROM generate_series(0, 19) AS device, generate_series(1, 8760) AS number;
             INSERT INTO heartbeat.rolled_devices
             SELECT device, now() - interval '400 days', now() - interval '38 minutes' FROM generate_series(0, 19) AS device;
             UPDATE heartbeat.devices SET last_beat = now() - interval '38 minutes';
             UPDATE heartbeat.roll_up SET rolled_until = now();
             ANALYZE heartbeat.device_absences",
        )
        .await;
    let heartbeat = history.heartbeat();
    for (after, firings) in [("20m", 366), ("30m", 1), ("7d", 0), ("unusual", 0)] {
        let after = After::parse(after).expect(after);
        let preview = heartbeat.preview(after, None, None).await.expect("in time");
        assert_eq!(preview.firings.len(), firings, "{after}");
    }
    // Alerts ask for it all the time.
    history.database.execute("INSERT INTO heartbeat.alerts (name) VALUES ('Unusual')").await;
    let alerts = heartbeat.alerts().await.expect("alerts");
    let unusual = async |connection: &mut Connection| {
        unusual::of_alerts(connection, &alerts, &Timezone::default(), Purpose::Decide).await.expect("lengths")
    };
    assert_eq!(
        unusual(&mut history.connection).await.get(&1).map(ToString::to_string).as_deref(),
        Some("12h")
    );
    history.database.execute("UPDATE heartbeat.unusual_absences SET after_seconds = 50000").await;
    assert_eq!(unusual(&mut history.connection).await.get(&1).map(|span| span.seconds()), Some(50_000));
    history
        .database
        .execute("UPDATE heartbeat.unusual_absences SET computed_at = now() - interval '61 minutes'")
        .await;
    assert_eq!(unusual(&mut history.connection).await.get(&1).map(|span| span.seconds()), Some(12 * 3_600));
}

#[tokio::test]
async fn snoozes_leave_their_past_behind() {
    let (server, database) = Server::fresh().await;
    let owner = server.owner();
    let snooze = async |until: &str| {
        let body = format!(r#"{{"until": "{until}", "note": null}}"#);
        let response = owner.send(reqwest::Method::PUT, "/api/snooze", body.into()).await;
        assert_eq!(response.status, 200, "{response}");
    };
    let periods = "SELECT string_agg(
        CASE WHEN ended_at > now() THEN to_char(ended_at, 'YYYY') ELSE 'over' END, ' ' ORDER BY started_at
    ) FROM heartbeat.snoozes";
    snooze("2126-01-01T00:00:00Z").await;
    assert_eq!(database.text(periods).await, "2126");
    snooze("2127-01-01T00:00:00Z").await;
    assert_eq!(database.text(periods).await, "over 2127");
    assert_eq!(owner.send(reqwest::Method::DELETE, "/api/snooze", Vec::new()).await.status, 204);
    assert_eq!(database.text(periods).await, "over over");
    // Those of long ago are forgotten.
    database.execute("UPDATE heartbeat.snoozes SET ended_at = started_at - interval '401 days'").await;
    snooze("2128-01-01T00:00:00Z").await;
    assert_eq!(database.text(periods).await, "2128");
}
