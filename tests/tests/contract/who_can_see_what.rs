//! What strangers can see: a walk through every route in every format, with a hidden device, and with each precision.

use std::{collections::BTreeMap, time::Duration};

use heartbeat_core::{
    Heartbeat,
    database::{Pooler, Target},
    notify::subscriptions::Subscriptions,
    runtime::Runtime,
    settings::{Choices, Precision, Timezone},
};
use heartbeat_functions::routes::{Audience, ROUTES};
use heartbeat_tests::{Client, Database, Server, ServerBuilder, eventually};
use reqwest::Method;
use serde_json::Value;
use time::OffsetDateTime;

/// A name that stands nowhere else.
const HIDDEN: &str = "Quxzifrob";

/// A time zone whose clocks are never set, half an hour off.
const TIMEZONE: &str = "Asia/Kolkata";

/// Time after which every process has read the stats again.
const STATS_AGE_MAX: Duration = Duration::from_millis(1_100);

/// Everything that strangers get: status, headers and body, by method and URL.
type Walk = BTreeMap<String, (u16, Vec<(String, String)>, Vec<u8>)>;

/// URLs of a path in the table of routes, in all formats and for all devices.
fn urls(path: &str) -> Vec<String> {
    let path = path.replace("{file}", "heartbeat.js").replace("{id}", "1").replace("{code}", "x");
    assert!(!path.contains('{'), "{path}: name what stands for the parameter here");
    let queries: &[&str] = match path.as_str() {
        badge if badge.starts_with("/badge/") => {
            &["", "?device=0", "?device=1", "?device=2", "?cacheSeconds=60", "?style=social&label=x"]
        }
        "/badges" => &["", "?device=1", "?badge=total-beats&format=png"],
        _ => &[""],
    };
    queries.iter().map(|query| format!("{path}{query}")).collect()
}

/// Walks through every public route, and those of the owner as they refuse strangers.
async fn walk(stranger: &Client) -> Walk {
    let mut requests = vec![(Method::GET, "/nothing".to_owned()), (Method::GET, "/api/nothing".to_owned())];
    for route in ROUTES {
        let methods = route.methods.iter().flat_map(|method| match *method {
            Method::GET => vec![Method::GET, Method::HEAD],
            _ => vec![method.clone()],
        });
        for method in methods {
            // Failed authentication is slowed down: the owner's routes once are enough.
            let is_refused = route.audience == Audience::Owner && method != Method::GET;
            let paths = route.paths.iter().filter(|_| !is_refused);
            requests.extend(paths.flat_map(|path| urls(path)).map(|url| (method.clone(), url)));
        }
    }
    let mut seen = Walk::new();
    for (method, url) in requests {
        let response = stranger.send(method.clone(), &url, Vec::new()).await;
        let mut headers: Vec<_> = response
            .headers
            .iter()
            .filter(|(name, _)| *name != "date")
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        headers.sort_unstable();
        seen.insert(format!("{method} {url}"), (response.status, headers, response.bytes));
    }
    seen
}

/// Fails if a walk holds a name.
fn assert_unnamed(walk: &Walk, name: &str) {
    for (request, (_, headers, body)) in walk {
        assert!(!String::from_utf8_lossy(body).contains(name), "{request} names {name}");
        assert!(headers.iter().all(|(_, value)| !value.contains(name)), "{request} names {name} in a header");
    }
}

/// Fails with the first difference of two walks.
fn assert_same(one: &Walk, other: &Walk, what: &str) {
    for (request, seen) in one {
        let (before, after) = (seen, &other[request]);
        let show = |(status, headers, body): &(u16, Vec<_>, Vec<u8>)| {
            format!("{status} {headers:?}\n{}", String::from_utf8_lossy(body))
        };
        assert!(before == after, "{what}: {request}\n{}\n{}", show(before), show(after));
    }
}

/// Servers on one database, a device that everybody sees, and a hidden one.
struct World {
    database: Database,
    servers: [Server; 2],
    laptop: Client,
    hidden: Client,
}

impl World {
    async fn new(settings: &[(&str, &str)]) -> Self {
        let database = Database::create().await;
        let builder = || {
            let on =
                ServerBuilder::on(&database).environment("HEARTBEAT_LIVE_URL", "https://beat.example.org");
            settings.iter().fold(on, |builder, (name, value)| builder.environment(name, value))
        };
        let servers = [builder().start().await, builder().start().await];
        let laptop = servers[0].device("Laptop").await;
        let hidden = servers[0].device(HIDDEN).await;
        database.execute("UPDATE heartbeat.devices SET visibility = 'hidden' WHERE id = 1").await;
        for server in &servers {
            let is_named = async || server.stranger().stats().await.to_string().contains(HIDDEN);
            eventually("a device that is hidden", async || !is_named().await).await;
        }
        Self { database, servers, laptop, hidden }
    }

    fn strangers(&self) -> [Client; 2] {
        [self.servers[0].stranger(), self.servers[1].stranger()]
    }

    /// Lets the clock go on by some seconds, in that all that happened is so much longer ago.
    async fn pass(&self, seconds: i64) {
        let columns = [
            ("beats", "time_stamp"),
            ("devices", "last_beat"),
            ("devices", "created_at"),
            ("stats", "last_beat"),
            ("stats", "silent_since"),
            ("stats", "server_start_time"),
            ("published_stats", "as_of"),
            ("published_devices", "last_beat"),
        ];
        let updates = columns.map(|(table, column)| {
            format!("UPDATE heartbeat.{table} SET {column} = {column} - interval '{seconds} seconds';")
        });
        self.database.execute(&format!("BEGIN; {} COMMIT;", updates.concat())).await;
    }

    /// When the public figures are of; 0 if there are none.
    async fn as_of(&self) -> i64 {
        let sql = "SELECT COALESCE(max(extract(epoch FROM as_of)), 0)::bigint FROM heartbeat.published_stats";
        self.database.number(sql).await
    }

    async fn beats(&self) {
        for device in [&self.laptop, &self.hidden] {
            device.beat().await;
            device.beat().await;
        }
    }
}

#[tokio::test]
async fn a_hidden_device_counts_and_strangers_find_it_nowhere() {
    let world = World::new(&[]).await;
    world.laptop.beat().await;
    let mut viewers = [world.servers[0].viewer().await, world.servers[1].viewer_of_changes().await];
    world.hidden.beat().await;
    world.hidden.beat().await;
    // The last beat is one of the hidden device, so no device is named for it.
    world
        .database
        .execute("UPDATE heartbeat.devices SET last_beat = last_beat - interval '1 hour' WHERE id = 0")
        .await;
    for stranger in world.strangers() {
        eventually("all beats", async || stranger.stats().await["total_beats"] == 3).await;
        eventually("a time of the laptop", async || {
            let stats = stranger.stats().await;
            stats["devices"][0]["last_beat"].as_i64() < stats["last_seen"].as_i64()
        })
        .await;
        let stats = stranger.stats().await;
        assert_eq!(stats["devices"].as_array().map(Vec::len), Some(1), "{stats}");
        let seen = walk(&stranger).await;
        assert_unnamed(&seen, HIDDEN);
        for (request, seen_of_hidden) in seen.iter().filter(|(request, _)| request.contains("device=1")) {
            if request.contains("/badge/") {
                assert_eq!(seen_of_hidden.0, 404, "{request}");
            }
            let seen_of_none = seen.get(&request.replace("device=1", "device=2"));
            assert!(seen_of_none.is_none_or(|seen_of_none| seen_of_none == seen_of_hidden), "{request}");
        }
        let page = stranger.get("/").await.body;
        assert!(page.contains("Here now") && page.contains(r#"<span class="on" hidden>"#), "{page}");
    }
    for viewer in &mut viewers {
        loop {
            let (frame, _) = viewer.frame().await.expect("a frame");
            assert!(!frame.contains(HIDDEN), "{frame}");
            if frame.contains("\"total_beats\":3") {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_device_that_is_hidden_or_archived_vanishes_at_once_and_comes_back() {
    for settings in [&[][..], &[("HEARTBEAT_PRECISION", "week")]] {
        let world = World::new(settings).await;
        world.pass(Precision::Week.seconds()).await;
        let names = async |stranger: &Client| stranger.stats().await["devices"].to_string();
        for change in ["visibility = 'hidden'", "archived_at = now()"] {
            for stranger in world.strangers() {
                eventually("a device", async || names(&stranger).await.contains("Laptop")).await;
            }
            world.database.execute(&format!("UPDATE heartbeat.devices SET {change} WHERE id = 0")).await;
            tokio::time::sleep(STATS_AGE_MAX).await;
            for stranger in world.strangers() {
                assert_eq!(names(&stranger).await, "[]", "{change}");
            }
            let restore =
                "UPDATE heartbeat.devices SET visibility = 'public', archived_at = NULL WHERE id = 0";
            world.database.execute(restore).await;
        }
    }
}

/// Fails unless every time in the stats is a boundary, and every age the difference of two.
fn assert_rounded(stats: &Value, precision: Precision) {
    let timezone = Timezone::parse(TIMEZONE).expect("a time zone");
    let is_boundary = |seconds: i64| {
        let time = OffsetDateTime::from_unix_timestamp(seconds).expect("a time");
        precision.boundary(time, &timezone) == time
    };
    let number = |name: &str| stats[name].as_i64().expect(name);
    let as_of = number("last_seen") + number("last_seen_relative");
    for time in [number("last_seen"), as_of, as_of - number("uptime")] {
        assert!(is_boundary(time), "{stats}");
    }
    for device in stats["devices"].as_array().expect("devices") {
        assert!(device["last_beat"].as_i64().is_none_or(is_boundary), "{stats}");
    }
    assert_eq!(number("longest_absence") % precision.seconds(), 0, "{stats}");
    assert!(number("longest_absence") >= number("last_seen_relative"), "{stats}");
}

/// Beats within a step, and fails if strangers notice. `false` if a step ended meanwhile.
async fn nothing_changes_within_a_step(world: &World, newcomer: &str) -> bool {
    let as_of = world.as_of().await;
    let [one, other] = world.strangers();
    let before = walk(&one).await;
    let (mut viewer, mut of_changes) =
        (world.servers[0].viewer().await, world.servers[0].viewer_of_changes().await);
    let (frame, first) = (viewer.frame().await, of_changes.frame().await);
    world.beats().await;
    world.servers[0].owner().register(newcomer).await;
    world.database.execute("UPDATE heartbeat.devices SET name = 'Renamed' WHERE id = 0").await;
    // There is nothing to wait for: nothing may happen.
    tokio::time::sleep(STATS_AGE_MAX).await;
    let (after, elsewhere) = (walk(&one).await, walk(&other).await);
    let (later, no_change) = (viewer.frame().await, of_changes.has_no_frame().await);
    if world.as_of().await != as_of {
        return false;
    }
    assert_same(&before, &after, "after beats");
    assert_same(&before, &elsewhere, "in another process");
    let text = |frame: Option<(String, _)>| frame.expect("a frame").0;
    let frame = text(frame);
    assert_eq!((text(first), text(later)), (frame.clone(), frame));
    assert!(no_change, "a frame without a change");
    for name in [HIDDEN, newcomer, "Renamed"] {
        assert_unnamed(&after, name);
    }
    true
}

async fn all_changes_come_at_boundaries(precision: Precision) {
    let settings = [("HEARTBEAT_PRECISION", precision.name()), ("HEARTBEAT_TIMEZONE", TIMEZONE)];
    let world = World::new(&settings).await;
    world.beats().await;
    world.pass(precision.seconds()).await;
    let total = async |stranger: &Client| stranger.stats().await["total_beats"].as_i64();
    let mut beats = 4;
    for newcomer in ["Newcomer", "Latecomer"] {
        for stranger in world.strangers() {
            eventually("all beats before the boundary", async || total(&stranger).await == Some(beats)).await;
            assert_rounded(&stranger.stats().await, precision);
        }
        while !nothing_changes_within_a_step(&world, newcomer).await {
            beats += 4;
        }
        beats += 4;
        let renamed = "UPDATE heartbeat.devices SET name = 'Laptop' WHERE id = 0";
        world.database.execute(renamed).await;
        world.pass(precision.seconds()).await;
    }
    for (number, stranger) in world.strangers().iter().enumerate() {
        eventually("the beats of the last step", async || total(stranger).await == Some(beats)).await;
        let stats = stranger.stats().await;
        assert!(stats["devices"].to_string().contains("Latecomer"), "{number}: {stats}");
    }
    let page = world.servers[0].stranger().get("/").await.body;
    assert!(page.contains(&format!(r#"data-precision="{}""#, precision.name())), "{page}");
}

#[tokio::test]
async fn by_the_minute_all_changes_come_at_boundaries() {
    all_changes_come_at_boundaries(Precision::Minute).await;
}

#[tokio::test]
async fn by_the_quarter_all_changes_come_at_boundaries() {
    all_changes_come_at_boundaries(Precision::Quarter).await;
}

#[tokio::test]
async fn by_the_hour_all_changes_come_at_boundaries() {
    all_changes_come_at_boundaries(Precision::Hour).await;
}

#[tokio::test]
async fn by_the_day_all_changes_come_at_boundaries() {
    all_changes_come_at_boundaries(Precision::Day).await;
}

#[tokio::test]
async fn by_the_week_all_changes_come_at_boundaries() {
    all_changes_come_at_boundaries(Precision::Week).await;
}

#[tokio::test]
async fn what_the_owner_chooses_applies_everywhere_within_a_second_unless_the_configuration_sets_it() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).start().await;
    let configured = ServerBuilder::on(&database).environment("HEARTBEAT_PRECISION", "exact").start().await;
    let target = Target::new(database.url().parse().expect("options"), Pooler::None);
    #[expect(clippy::disallowed_methods, reason = "the clock of another process")]
    let clock = OffsetDateTime::now_utc;
    let owner =
        Heartbeat::start(&target, clock, Runtime::Server, Subscriptions::default(), Choices::default());
    let is_by_the_day =
        async |server: &Server| server.stranger().get("/").await.body.contains(r#"data-precision="day""#);
    assert!(!is_by_the_day(&server).await);
    let chosen = Choices { precision: Some(Precision::Day), ..Choices::default() };
    owner.choose(chosen.clone()).await.expect("a choice");
    assert_eq!(owner.settings().await.expect("settings").chosen, chosen);
    tokio::time::sleep(STATS_AGE_MAX).await;
    assert!(is_by_the_day(&server).await);
    assert!(!is_by_the_day(&configured).await);
}
