//! A world with a hidden device, and walks of strangers through it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use heartbeat_core::{
    link::{Link, LinkAction},
    token::{Purpose, SecretKey},
};
use heartbeat_functions::routes::{Audience, ROUTES};
use heartbeat_tests::{Client, Database, Server, ServerBuilder, eventually, server::SECRET_KEY};
use reqwest::Method;

/// A name that stands nowhere else.
pub(super) const HIDDEN: &str = "Quxzifrob";

/// Name of a device that all see, at first; it stands nowhere else, either.
pub(super) const PUBLIC: &str = "Jovexnip";

/// Time after which every process has read the stats again.
const STATS_AGE_MAX: Duration = Duration::from_millis(1_100);

/// Waits until `condition` holds. It must if it is asked for once every process has read the stats again.
pub(super) async fn within_a_second(description: &str, mut condition: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    loop {
        let is_due = started.elapsed() > STATS_AGE_MAX;
        if condition().await {
            return;
        }
        assert!(!is_due, "later than in a second: {description}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until what a server shows is from a read of the stats after this was called: of two frames that are made a second
/// apart, the second one is.
pub(super) async fn next_read(server: &Server) {
    let mut viewer = server.viewer().await;
    for _ in 0..3 {
        viewer.frame().await.expect("a frame");
    }
}

/// Everything that strangers get: status, headers and body, by method and URL.
pub(super) type Walk = BTreeMap<String, (u16, Vec<(String, String)>, Vec<u8>)>;

/// Code of a link, as a friend has it whose alert is long over. Wrong ones would be slowed down, from walk to walk.
fn code_for(path: &str) -> String {
    let action = path.split('/').nth(1).and_then(LinkAction::of_path);
    let key = SecretKey::parse(SECRET_KEY).expect("a key").derive(Purpose::Link);
    action.map_or_else(String::new, |action| {
        Link { action, firing: 7, channel: 7, address_version: 0 }.code(&key)
    })
}

/// URLs of a path in the table of routes, in all formats and for all devices.
fn urls(path: &str) -> Vec<String> {
    let path = path.replace("{file}", "heartbeat.js").replace("{id}", "1").replace("{code}", &code_for(path));
    assert!(!path.contains('{'), "{path}: name what stands for the parameter here");
    let queries: &[&str] = match path.as_str() {
        badge if badge.starts_with("/badge/") => {
            &["", "?device=0", "?device=1", "?device=2", "?cacheSeconds=60", "?style=social&label=x"]
        }
        "/heatmap.svg" | "/heatmap.png" | "/card.svg" | "/card.png" => {
            &["", "?device=0", "?device=1", "?device=2", "?cacheSeconds=60"]
        }
        "/badges" => &["", "?device=1", "?badge=total-beats&format=png"],
        _ => &[""],
    };
    queries.iter().map(|query| format!("{path}{query}")).collect()
}

/// Walks through every public route, and those of the owner as they refuse strangers.
pub(super) async fn walk(stranger: &Client) -> Walk {
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
pub(super) fn assert_unnamed(walk: &Walk, name: &str) {
    for (request, (_, headers, body)) in walk {
        assert!(!String::from_utf8_lossy(body).contains(name), "{request} names {name}");
        assert!(headers.iter().all(|(_, value)| !value.contains(name)), "{request} names {name} in a header");
    }
}

/// Fails with the first difference of two walks.
pub(super) fn assert_same(one: &Walk, other: &Walk, what: &str) {
    for (request, seen) in one {
        let (before, after) = (seen, &other[request]);
        let show = |(status, headers, body): &(u16, Vec<_>, Vec<u8>)| {
            format!("{status} {headers:?}\n{}", String::from_utf8_lossy(body))
        };
        assert!(before == after, "{what}: {request}\n{}\n{}", show(before), show(after));
    }
}

/// Servers on one database, a device that all see, and a hidden one.
pub(super) struct World {
    pub(super) database: Database,
    pub(super) servers: [Server; 2],
    pub(super) laptop: Client,
    pub(super) hidden: Client,
}

impl World {
    pub(super) async fn new(settings: &[(&str, &str)]) -> Self {
        let database = Database::create().await;
        let builder = || {
            let on =
                ServerBuilder::on(&database).environment("HEARTBEAT_LIVE_URL", "https://beat.example.org");
            settings.iter().fold(on, |builder, (name, value)| builder.environment(name, value))
        };
        let servers = [builder().start().await, builder().start().await];
        let laptop = servers[0].device(PUBLIC).await;
        let hidden = servers[0].device(HIDDEN).await;
        database.execute("UPDATE heartbeat.devices SET visibility = 'hidden' WHERE id = 1").await;
        for server in &servers {
            let is_named = async || server.stranger().stats().await.to_string().contains(HIDDEN);
            eventually("a device that is hidden", async || !is_named().await).await;
        }
        Self { database, servers, laptop, hidden }
    }

    pub(super) fn strangers(&self) -> [Client; 2] {
        [self.servers[0].stranger(), self.servers[1].stranger()]
    }

    /// Lets the clock go on by some seconds, in that all that happened is so much longer ago.
    pub(super) async fn pass(&self, seconds: i64) {
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
    pub(super) async fn as_of(&self) -> i64 {
        let sql = "SELECT COALESCE(max(extract(epoch FROM as_of)), 0)::bigint FROM heartbeat.published_stats";
        self.database.number(sql).await
    }

    pub(super) async fn beats(&self) {
        for device in [&self.laptop, &self.hidden] {
            device.beat().await;
            device.beat().await;
        }
    }
}
