//! Batches of beats that only count, as the statement for many devices records them: all of it inside a transaction of
//! the test, where the time stands still.

use std::time::Instant;

use heartbeat_core::{
    database::{
        Connection, Pooler, Target,
        beats::{CountedDevice, Known, Shortcut, count},
    },
    token::TokenHash,
};
use heartbeat_tests::{Database, Server, eventually};
use sqlx::Connection as _;
use time::{Duration, OffsetDateTime};

/// With arguments apart from the statement, and with arguments written into it.
const POOLERS: [Pooler; 2] = [Pooler::None, Pooler::Transaction];

/// Devices that were registered, the tables that they are in, and a server that keeps these.
struct Devices {
    database: Database,
    tokens: Vec<TokenHash>,
    _server: Server,
}

impl Devices {
    async fn register(number: usize) -> Self {
        let (server, database) = Server::fresh().await;
        let mut tokens = Vec::new();
        for id in 0..number {
            let (_, token) = server.owner().register(&format!("Device {id}")).await;
            tokens.push(TokenHash::of(token.as_bytes()));
        }
        Self { database, tokens, _server: server }
    }

    /// Opens a connection of the program's own kind.
    async fn connect(&self, pooler: Pooler) -> Connection {
        let target = Target::new(self.database.url().parse().expect("a URL"), pooler);
        Connection::open(&target).await.expect("a connection")
    }

    /// Tokens of the devices with these ids.
    fn tokens(&self, ids: &[usize]) -> Vec<TokenHash> {
        ids.iter().map(|id| self.tokens[*id]).collect()
    }

    /// Number of rows of a device.
    async fn rows(&self, id: usize) -> i64 {
        self.database.number(&format!("SELECT count(*) FROM heartbeat.beats WHERE device = {id}")).await
    }

    /// Number of beats that a device is said to have.
    async fn num_beats(&self, id: usize) -> i64 {
        self.database.number(&format!("SELECT num_beats FROM heartbeat.devices WHERE id = {id}")).await
    }
}

/// What a process knows that has recorded the last beat just now, at `last_beat`.
fn known(last_beat: OffsetDateTime) -> Known {
    Known { stats_moved: Some((last_beat, Instant::now())), beats_wanted: false }
}

/// Counts beats of `tokens`, `age` after the last one that `stats` knows of, and commits. Returns the time as well.
async fn count_after(
    connection: &mut Connection,
    tokens: &[TokenHash],
    age: Duration,
) -> (Option<Vec<CountedDevice>>, OffsetDateTime) {
    connection.begin("BEGIN").await.expect("a transaction");
    let now: OffsetDateTime =
        sqlx::query_scalar("SELECT now()").fetch_one(&mut *connection).await.expect("the time");
    let shortcut = Shortcut::of(tokens, known(now - age)).expect("a shortcut");
    let counted = count(connection, &shortcut).await.expect("a result, and no deadlock");
    connection.commit().await.expect("a commit");
    (counted, now)
}

/// Ids of devices and all their beats, in the order of the ids.
fn counts(counted: &[CountedDevice]) -> Vec<(i64, i64)> {
    let mut counts: Vec<_> = counted.iter().map(|device| (device.id, device.num_beats)).collect();
    counts.sort_unstable();
    counts
}

#[tokio::test]
async fn each_beat_of_a_batch_is_a_row_and_beats_with_unknown_tokens_leave_no_trace() {
    for pooler in POOLERS {
        let devices = Devices::register(4).await;
        let mut tokens = devices.tokens(&[2, 0, 2, 2, 1]);
        tokens.insert(1, TokenHash::of(b"unknown"));
        tokens.push(TokenHash::of(b"unknown"));
        let mut connection = devices.connect(pooler).await;
        let (counted, now) = count_after(&mut connection, &tokens, Duration::ZERO).await;

        let counted = counted.expect("no absence");
        assert_eq!(counts(&counted), [(0, 1), (1, 1), (2, 3)]);
        for device in &counted {
            let id = usize::try_from(device.id).expect("an id");
            assert_eq!(device.token_hash, devices.tokens[id].as_bytes());
            assert_eq!((device.last_beat, device.recorded_at), (now, now));
        }
        for (id, beats) in [(0, 1), (1, 1), (2, 3), (3, 0)] {
            assert_eq!((devices.rows(id).await, devices.num_beats(id).await), (beats, beats), "device {id}");
        }
        assert_eq!(devices.database.number("SELECT count(*) FROM heartbeat.beats").await, 5);
        assert_eq!(devices.database.number("SELECT count(last_beat) FROM heartbeat.stats").await, 0);
    }
}

#[tokio::test]
async fn a_batch_with_unknown_tokens_alone_is_recorded_as_nothing() {
    for pooler in POOLERS {
        let devices = Devices::register(1).await;
        let tokens = [TokenHash::of(b"one"), TokenHash::of(b"another")];
        let mut connection = devices.connect(pooler).await;
        let (counted, _) = count_after(&mut connection, &tokens, Duration::ZERO).await;
        assert_eq!(counts(&counted.expect("no absence")), []);
        assert_eq!(devices.rows(0).await, 0);
    }
}

#[tokio::test]
async fn beats_that_may_have_ended_an_absence_are_left_to_the_longer_statement() {
    for pooler in POOLERS {
        let devices = Devices::register(2).await;
        let tokens = devices.tokens(&[1, 0]);
        let mut connection = devices.connect(pooler).await;
        // A last beat in the future says nothing about an absence.
        for age in [Duration::SECOND, Duration::HOUR, -Duration::MICROSECOND] {
            let (counted, _) = count_after(&mut connection, &tokens, age).await;
            assert!(counted.is_none(), "{age}");
        }
        assert_eq!((devices.num_beats(0).await, devices.rows(0).await), (0, 0));
        let (counted, _) =
            count_after(&mut connection, &tokens, Duration::SECOND - Duration::MICROSECOND).await;
        assert_eq!(counts(&counted.expect("no absence")), [(0, 1), (1, 1)]);

        let wanted = Known { beats_wanted: true, ..known(OffsetDateTime::UNIX_EPOCH) };
        assert!(Shortcut::of(&tokens, wanted).is_none());
    }
}

#[tokio::test]
async fn strange_values_of_devices_are_overruled() {
    for pooler in POOLERS {
        let devices = Devices::register(3).await;
        devices
        .database
        .execute(
            "UPDATE heartbeat.devices SET last_beat = 'infinity' WHERE id = 0;
             UPDATE heartbeat.devices SET last_beat = '4713-01-01 BC', num_beats = 9007199254740990 WHERE id = 1",
        )
        .await;
        let mut connection = devices.connect(pooler).await;
        let (counted, now) =
            count_after(&mut connection, &devices.tokens(&[1, 1, 1, 0, 2]), Duration::ZERO).await;
        let counted = counted.expect("no absence");
        assert_eq!(counts(&counted), [(0, 1), (1, 9_007_199_254_740_991), (2, 1)]);
        assert!(counted.iter().all(|device| device.last_beat == now), "{counted:?}");
    }
}

/// Waits until a statement waits for a row that another one has locked.
async fn until_one_waits(database: &Database) {
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("a statement that waits", async || database.number(waiting).await == 1).await;
}

#[tokio::test]
async fn devices_are_locked_in_the_order_of_their_ids_so_that_processes_cannot_deadlock() {
    let devices = Devices::register(5).await;
    // Neither the order of the beats nor that of the rows is that of the ids.
    devices
        .database
        .execute(
            "CREATE TEMPORARY TABLE copy AS SELECT * FROM heartbeat.devices;
             DELETE FROM heartbeat.devices;
             INSERT INTO heartbeat.devices SELECT * FROM copy ORDER BY id DESC",
        )
        .await;
    let mut other = devices.database.connect().await;
    let mut other = other.begin().await.expect("a transaction");
    let lock = "SELECT FROM heartbeat.devices WHERE id = 1 FOR UPDATE";
    sqlx::query(lock).execute(&mut *other).await.expect("a lock");

    let mut connection = devices.connect(Pooler::None).await;
    let tokens = devices.tokens(&[4, 3, 1, 0, 2]);
    let batch = count_after(&mut connection, &tokens, Duration::ZERO);
    let release = async {
        until_one_waits(&devices.database).await;
        // What comes after the device that it waits for is free.
        let free = "SELECT FROM heartbeat.devices WHERE id > 1 FOR UPDATE NOWAIT";
        sqlx::query(free).execute(&mut *other).await.expect("free rows");
        other.commit().await.expect("a commit");
    };
    let ((counted, _), ()) = tokio::join!(batch, release);
    assert_eq!(counts(&counted.expect("no absence")), [0, 1, 2, 3, 4].map(|id| (id, 1)));
}

#[tokio::test]
async fn a_device_that_is_given_a_new_token_meanwhile_has_not_beat() {
    let devices = Devices::register(3).await;
    let mut other = devices.database.connect().await;
    let mut other = other.begin().await.expect("a transaction");
    let replace = "UPDATE heartbeat.devices SET token_hash = sha256('new') WHERE id = 1";
    sqlx::query(replace).execute(&mut *other).await.expect("a new token");

    let mut connection = devices.connect(Pooler::None).await;
    let tokens = devices.tokens(&[2, 1, 0]);
    let batch = count_after(&mut connection, &tokens, Duration::ZERO);
    let release = async {
        until_one_waits(&devices.database).await;
        other.commit().await.expect("a commit");
    };
    let ((counted, _), ()) = tokio::join!(batch, release);
    assert_eq!(counts(&counted.expect("no absence")), [(0, 1), (2, 1)]);
    assert_eq!((devices.rows(1).await, devices.num_beats(1).await), (0, 0));
}

#[tokio::test]
async fn beats_that_another_process_counts_meanwhile_count_as_well() {
    let devices = Devices::register(2).await;
    let mut other = devices.database.connect().await;
    let mut other = other.begin().await.expect("a transaction");
    let add = "UPDATE heartbeat.devices SET num_beats = num_beats + 7 WHERE id = 1";
    sqlx::query(add).execute(&mut *other).await.expect("beats");

    let mut connection = devices.connect(Pooler::None).await;
    let tokens = devices.tokens(&[1, 0]);
    let batch = count_after(&mut connection, &tokens, Duration::ZERO);
    let release = async {
        until_one_waits(&devices.database).await;
        other.commit().await.expect("a commit");
    };
    let ((counted, _), ()) = tokio::join!(batch, release);
    assert_eq!(counts(&counted.expect("no absence")), [(0, 1), (1, 8)]);
}
