//! The history on `/` and `/stats`: who sees what of it, and what pages do without it.

use std::time::Duration;

use futures_util::future::join_all;
use heartbeat_tests::{Client, Database, Server, ServerBuilder, eventually};
use sqlx::{Connection, raw_sql};
use tokio::time::interval;

use crate::manage::owner;

/// A year of days in each of which 8:00 to 9:30 UTC was in use, by all together and by devices 0 and 1, but for the last three. No
/// beats tell of them any more, so the roll-up has nothing to begin again with.
const A_YEAR: &str = "
    UPDATE heartbeat.roll_up SET rolled_until = now() - interval '1 minute';
    UPDATE heartbeat.stats SET server_start_time = now() - interval '400 days';
    INSERT INTO heartbeat.presence (device, day, minutes, beats)
    SELECT device, current_date - ago,
        array_fill(0::smallint, ARRAY[32]) || array_fill(32767::smallint, ARRAY[6]) || array_fill(0::smallint, ARRAY[58]),
        array_fill(0, ARRAY[32]) || array_fill(15, ARRAY[6]) || array_fill(0, ARRAY[58])
    FROM generate_series(4, 390) AS ago, (VALUES (-1), (0), (1)) AS devices (device);
    UPDATE heartbeat.devices SET last_beat = current_date - 4 + interval '9 hours 29 minutes 30 seconds';
    UPDATE heartbeat.devices SET visibility = 'hidden' WHERE id = 1;
    INSERT INTO heartbeat.absences (started_at, ended_at, ended_by)
    SELECT current_date - ago - 1 + interval '9 hours 29 minutes', current_date - ago + interval '8 hours 1 minute', ago % 2
    FROM generate_series(10, 13) AS ago;
";

/// Starts a server with a year of history, of a device that all see and of a hidden one.
async fn server(database: &Database, settings: &[(&str, &str)]) -> Server {
    let mut first = ServerBuilder::on(database).start().await;
    first.device("Jovexnip").await;
    first.device("Quxzifrob").await;
    first.stop().await;
    database.execute(A_YEAR).await;
    let on = ServerBuilder::on(database);
    let server = settings.iter().fold(on, |on, (name, value)| on.environment(name, value)).start().await;
    // Its connection for the history is open, so that pages do not wait for that. What this reads stays in no memory.
    let opening = "/api/history?step=day&from=2020-01-01&to=2020-01-01";
    assert_eq!(server.owner().get(opening).await.status, 200);
    server
}

/// What a page shows: parts that sum up days, parts that tell hours, and the hidden device.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    days: bool,
    hours: bool,
    hidden: bool,
}

impl Seen {
    const NOTHING: Self = Self { days: false, hours: false, hidden: false };
    const DAYS: Self = Self { days: true, hours: false, hidden: false };
    const FULL: Self = Self { days: true, hours: true, hidden: false };
    const ALL: Self = Self { days: true, hours: true, hidden: true };
}

/// What is seen on `/`, and on `/stats`.
async fn seen(client: &Client) -> [Seen; 2] {
    let home = client.get("/").await.body;
    let stats = client.get("/stats").await.body;
    let has_hours = |page: &str, hours: &[&str]| {
        let found = hours.iter().filter(|text| page.contains(**text)).count();
        assert!(found == 0 || found == hours.len(), "{found} of {hours:?}: {page}");
        found > 0
    };
    [
        Seen {
            days: home.contains("1 hr 30 min"),
            hours: has_hours(&home, &["class=\"line\"", "first 8:00, last 9:29"]),
            hidden: home.contains("Quxzifrob"),
        },
        Seen {
            days: stats.contains("class=\"grid year\""),
            hours: has_hours(
                &stats,
                &["class=\"grid week\"", "longest absence", "class=\"history absences\"", "8:01"],
            ),
            hidden: stats.contains("Quxzifrob"),
        },
    ]
}

#[tokio::test]
async fn strangers_see_what_the_owner_shows_and_the_owner_sees_all() {
    for (history, strangers, owners) in [
        ("off", Seen::NOTHING, Seen::NOTHING),
        ("owner", Seen::NOTHING, Seen::ALL),
        ("day", Seen::DAYS, Seen::ALL),
        ("full", Seen::FULL, Seen::ALL),
    ] {
        let database = Database::create().await;
        let server = server(&database, &[("HEARTBEAT_HISTORY", history)]).await;
        let (stranger, owner) = (server.stranger(), owner(&server).await);
        // Neither gets what was made for the other.
        for _ in 0..2 {
            let [home, stats] = seen(&stranger).await;
            assert_eq!((&home, &stats), (&strangers, &strangers), "{history}");
            let [home, stats] = seen(&owner).await;
            assert_eq!(Seen { hidden: owners.hidden, ..home }, owners, "{history}");
            assert_eq!(stats, owners, "{history}");
        }
        for path in ["/", "/stats", "/stats?device=1"] {
            let page = owner.get(path).await;
            let headers = ["cache-control", "access-control-allow-origin", "cross-origin-resource-policy"];
            assert_eq!(page.status, 200, "{path}");
            assert_eq!(headers.map(|name| page.header(name)), ["no-store", "", "same-origin"], "{path}");
            let page = stranger.get(path).await;
            let expected = if path == "/stats?device=1" { 404 } else { 200 };
            assert_eq!(
                (page.status, page.header("cache-control") == "no-store"),
                (expected, false),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn a_device_is_chosen_by_its_id_and_hidden_ones_by_the_owner_alone() {
    let database = Database::create().await;
    let server = server(&database, &[("HEARTBEAT_HISTORY", "full")]).await;
    let (stranger, owner) = (server.stranger(), owner(&server).await);
    for (id, for_strangers, for_the_owner) in
        [("0", 200, 200), ("1", 404, 200), ("2", 404, 404), ("x", 404, 404), ("-1", 404, 404), ("", 200, 200)]
    {
        let path = format!("/stats?device={id}");
        assert_eq!(stranger.get(&path).await.status, for_strangers, "{path}");
        assert_eq!(owner.get(&path).await.status, for_the_owner, "{path}");
    }
    let page = owner.get("/stats?device=1").await.body;
    assert!(page.contains("aria-current=\"page\"><bdi>Quxzifrob</bdi>"), "{page}");
    // Absences are those of all together.
    assert!(page.contains("class=\"grid year\"") && !page.contains("class=\"history absences\""), "{page}");
    // A hidden device ended every second absence.
    let page = stranger.get("/stats").await.body;
    assert!(page.contains("ended on <bdi>Jovexnip</bdi>"), "{page}");
}

#[tokio::test]
async fn less_exact_times_are_less_exact_in_the_history_too() {
    for (precision, has_minutes) in [("minute", true), ("quarter", false), ("hour", false), ("day", false)] {
        let database = Database::create().await;
        let settings = [("HEARTBEAT_HISTORY", "full"), ("HEARTBEAT_PRECISION", precision)];
        let server = server(&database, &settings).await;
        let today = "<span class=\"heard\">Today, ";
        // The first figures are of the moment in which the server began to round.
        let boundary = "UPDATE heartbeat.published_stats SET as_of = date_trunc('day', now(), 'UTC')";
        if precision == "day" {
            database.execute(boundary).await;
            let is_midnight =
                async || server.stranger().get("/").await.body.contains(", 00:00:00 UTC</time>");
            eventually("figures of midnight", is_midnight).await;
        }
        let page = server.stranger().get("/").await.body;
        assert_eq!(page.contains("first 8:00, last 9:29"), has_minutes, "{precision}: {page}");
        assert!(page.contains("1 hr 30 min"), "{precision}: {page}");
        assert_eq!(page.contains(today), precision != "day", "{precision}: {page}");
        // The script has nothing to go on with between boundaries.
        assert!(!page.contains("data-last-minute"), "{precision}: {page}");
        let page = server.stranger().get("/stats").await.body;
        assert!(!page.contains("ended on"), "{precision}: {page}");
        assert!(owner(&server).await.get("/").await.body.contains("first 8:00, last 9:29"), "{precision}");
    }
}

#[tokio::test]
async fn a_page_comes_without_a_history_that_cannot_be_read_soon() {
    let database = Database::create().await;
    let server = server(&database, &[("HEARTBEAT_HISTORY", "full")]).await;
    let stranger = server.stranger();
    let mut other = database.connect().await;
    let mut transaction = other.begin().await.expect("a transaction");
    let lock = "LOCK TABLE heartbeat.presence IN ACCESS EXCLUSIVE MODE";
    raw_sql(lock).execute(&mut *transaction).await.expect("a lock");
    for path in ["/", "/stats"] {
        let page = stranger.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.body.contains("class=\"heard\"") && page.body.contains("Total beats"), "{path}");
    }
    transaction.rollback().await.expect("no lock");
    eventually("the history", async || stranger.get("/").await.body.contains("1 hr 30 min")).await;
    database.execute("ALTER TABLE heartbeat.presence RENAME TO gone").await;
    eventually("pages without it", async || !stranger.get("/").await.body.contains("1 hr 30 min")).await;
    assert_eq!(stranger.get("/stats?device=0").await.status, 200);
}

#[tokio::test]
async fn while_reads_of_the_history_are_slow_nothing_else_waits_for_them() {
    let database = Database::create().await;
    // Trusted as a proxy, this machine has no share of reads.
    let settings = [("HEARTBEAT_HISTORY", "full"), ("HEARTBEAT_TRUSTED_PROXIES", "127.0.0.1")];
    let server = server(&database, &settings).await;
    let (stranger, device) = (server.stranger(), server.device("Tablet").await);
    let slow = "ALTER TABLE heartbeat.presence RENAME TO days;
        CREATE VIEW heartbeat.presence AS SELECT days.* FROM heartbeat.days CROSS JOIN pg_sleep(0.4) AS slept";
    database.execute(slow).await;
    let day = async |ago: u16| database.text(&format!("SELECT (current_date - {ago})::text")).await;
    // Before the days that are in memory.
    let path = format!("/api/history?step=day&from={}&to={}", day(389).await, day(380).await);
    // More than there is time for.
    let readers = join_all((0..20).map(async |_| {
        loop {
            let answer = stranger.get(&path).await;
            assert!([200, 503].contains(&answer.status), "{answer}");
        }
    }));
    let others = async {
        let mut ticks = interval(Duration::from_millis(100));
        for path in
            ["/", "/stats", "/stats?device=0", "/api/stats", "/badge/last-seen"].iter().cycle().take(40)
        {
            ticks.tick().await;
            device.beat().await;
            let response = stranger.get(path).await;
            assert_eq!(response.status, 200, "{path}: {response}");
        }
    };
    tokio::select! {
        _ = readers => {}
        () = others => {}
    }
}

#[tokio::test]
async fn as_long_as_older_beats_are_being_read_pages_say_so() {
    let database = Database::create().await;
    let mut first = ServerBuilder::on(&database).start().await;
    first.device("Laptop").await.beat().await;
    first.stop().await;
    let behind = "UPDATE heartbeat.stats SET server_start_time = now() - interval '4 days';
        INSERT INTO heartbeat.beats SELECT 0, now() - interval '3 days';
        UPDATE heartbeat.roll_up SET rolled_until = now() - interval '4 days'";
    database.execute(behind).await;
    // As if another process read them.
    let mut other = database.connect().await;
    let mut transaction = other.begin().await.expect("a transaction");
    let claim = "SELECT FROM heartbeat.roll_up FOR UPDATE";
    raw_sql(claim).execute(&mut *transaction).await.expect("a lock");
    let server = ServerBuilder::on(&database).environment("HEARTBEAT_HISTORY", "day").start().await;
    let says_so = async |path: &str| {
        server.stranger().get(path).await.body.contains("Older beats are still being read")
    };
    for path in ["/", "/stats"] {
        eventually("the note", async || says_so(path).await).await;
    }
    transaction.rollback().await.expect("no lock");
    for path in ["/", "/stats"] {
        eventually("the end of it", async || !says_so(path).await).await;
    }
}

#[tokio::test]
async fn a_new_server_shows_the_days_that_exist() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).environment("HEARTBEAT_HISTORY", "full").start().await;
    let page = server.stranger().get("/").await.body;
    assert!(page.contains("id=\"days\" hidden") && !page.contains("still being read"), "{page}");
    server.device("Laptop").await.beat().await;
    eventually("the first minute", async || server.stranger().get("/").await.body.contains(">1 min</span>"))
        .await;
    let page = server.stranger().get("/").await.body;
    // The day may have changed since the start.
    let rows = page.matches("<th scope=\"row\">").count();
    assert!((1..=2).contains(&rows) && page.contains("Time zone: UTC"), "{page}");
    let page = server.stranger().get("/stats").await.body;
    for text in [
        "1 minute today",
        "Too early to tell: that takes four weeks.",
        "None of more than an hour yet.",
        ", so far: 1 minute on 1 day.",
    ] {
        assert!(page.contains(text) || rows == 2, "{text}: {page}");
    }
}
