//! Behind a pooler in transaction mode (`database.pooler`).

use heartbeat_tests::{
    Client, CountingProxy, Database, Function, PgBouncer, Server, ServerBuilder, eventually,
    server::SECRET_KEY,
};
use reqwest::Method;
use sqlx::{Connection, PgConnection, Row, postgres::PgConnectOptions};

/// Sessions that the pooler has for all of its clients.
const SESSIONS: usize = 5;

/// Returns a server behind a pooler whose URL is `url`.
fn server(database: &Database, url: &str) -> ServerBuilder {
    ServerBuilder::on(database)
        .environment("HEARTBEAT_DATABASE_DSN", url)
        .environment("HEARTBEAT_DATABASE_POOLER", "transaction")
}

/// Starts a function behind a pooler whose URL is `url`.
async fn function(name: &str, database: &Database, url: &str) -> Function {
    let environment = [("HEARTBEAT_DATABASE_DSN", url), ("HEARTBEAT_DATABASE_POOLER", "transaction")];
    Function::start(name, database, &environment).await
}

/// Sends a beat through a function.
async fn beat_through(function: &Function, token: &str) {
    let response = function.request(&Method::POST, "/api/beat", Some(token), b"").await;
    assert_eq!(response.status, 200, "{response}\n{}", function.log());
}

/// Opens a connection of the test itself through a pooler.
async fn connect(url: &str) -> PgConnection {
    let options: PgConnectOptions = url.parse().expect("a URL");
    PgConnection::connect_with(&options.extra_float_digits(None)).await.expect("a connection")
}

#[tokio::test]
async fn every_beat_through_servers_and_functions_is_a_row() {
    const BEATS: usize = 20;
    let database = Database::create().await;
    let Some(pooler) = PgBouncer::start(&database, SESSIONS).await else { return };
    let url = pooler.url(&database);
    let servers = [server(&database, &url).start().await, server(&database, &url).start().await];
    let mut tokens = Vec::new();
    for number in 0..10 {
        tokens.push(servers[0].owner().register(&format!("Device {number}")).await.1);
    }
    let mut clients = tokio::task::JoinSet::new();
    for token in &tokens {
        let (function, token) = (function("beat", &database, &url).await, token.clone());
        let devices: Vec<Client> =
            servers.iter().map(|server| server.stranger().authorized(&token)).collect();
        clients.spawn(async move {
            for _ in 0..BEATS {
                tokio::join!(beat_through(&function, &token), devices[0].beat(), devices[1].beat());
            }
        });
    }
    clients.join_all().await;
    let expected = i64::try_from(3 * BEATS * tokens.len()).expect("small");
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, expected);
    assert_eq!(database.number("SELECT sum(num_beats)::bigint FROM heartbeat.devices").await, expected);
    for server in &servers {
        eventually("all beats in the stats", async || {
            server.stranger().stats().await["total_beats"] == expected
        })
        .await;
        assert!(!server.log().contains("ERROR"), "{}", server.log());
    }
}

#[tokio::test]
async fn a_warm_beat_is_two_round_trips() {
    let database = Database::create().await;
    let Some(pooler) = PgBouncer::start(&database, SESSIONS).await else { return };
    let server = server(&database, &pooler.url(&database)).start().await;
    let (_, token) = server.owner().register("Laptop").await;
    let proxy = CountingProxy::before(pooler.socket()).await;
    let function = function("beat", &database, &proxy.url(&database)).await;
    beat_through(&function, &token).await;
    for _ in 0..3 {
        let before = proxy.round_trips();
        beat_through(&function, &token).await;
        assert_eq!(proxy.round_trips() - before, 2, "to begin, and to beat");
    }
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 4);
}

#[tokio::test]
async fn nothing_is_left_in_a_session() {
    let database = Database::create().await;
    // One session, which all clients use in turn.
    let Some(pooler) = PgBouncer::start(&database, 1).await else { return };
    let url = pooler.url(&database);
    let mut session = connect(&url).await;
    let left = "SELECT concat_ws(' ', (SELECT count(*) FROM pg_prepared_statements),
            (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
            current_setting('statement_timeout'), current_setting('jit'),
            current_setting('random_page_cost'), current_setting('plan_cache_mode'))";
    let mut left =
        async || -> String { sqlx::raw_sql(left).fetch_one(&mut session).await.expect("an answer").get(0) };
    let before = left().await;

    let mut server = server(&database, &url).start().await;
    let laptop = server.device("Laptop").await;
    laptop.beat().await;
    for path in ["/", "/stats", "/api/stats", "/badge/last-seen", "/.well-known/health"] {
        assert_eq!(server.stranger().get(path).await.status, 200, "{path}");
    }
    let key = server.owner().editor_key(0).await;
    let sent = server.stranger().editor(&key).post("/api/v1/users/current/heartbeats", "{}").await;
    assert!(!sent.status.to_string().starts_with('5'), "{sent}");
    let unknown = server.stranger().authorized("unknown").post("/api/beat", "").await;
    assert_eq!(unknown.status, 401, "{unknown}");
    assert_eq!(server.stranger().redeem("BCDF-GHJK").await.status, 404);
    let paired = server.stranger().pair(&server.owner().pairing_code(0).await).await;
    server.stranger().authorized(&paired).beat().await;
    assert_eq!(laptop.post("/api/beat", "").await.status, 401);
    assert_eq!(left().await, before);
    assert!(server.stop().await.success());
    assert_eq!(left().await, before);
}

#[tokio::test]
async fn of_tokens_that_a_code_offered_the_first_to_beat_is_the_devices() {
    let database = Database::create().await;
    let Some(pooler) = PgBouncer::start(&database, SESSIONS).await else { return };
    let url = pooler.url(&database);
    let servers = [server(&database, &url).start().await, server(&database, &url).start().await];
    let (id, _) = servers[0].owner().register("Phone").await;
    for _ in 0..10 {
        let code = servers[0].owner().pairing_code(id).await;
        let mut tokens = Vec::new();
        for server in &servers {
            tokens.push(server.stranger().pair(&code).await);
        }
        let beat = async |number: usize| {
            let client = servers[number].stranger().authorized(&tokens[number]);
            client.post("/api/beat", "").await.status
        };
        let (one, other) = tokio::join!(beat(0), beat(1));
        assert_eq!(one.min(other), 200, "{one} {other}");
        assert_eq!(one.max(other), 401, "{one} {other}");
    }
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 10);
    for server in &servers {
        assert!(!server.log().contains("ERROR"), "{}", server.log());
    }
}

#[tokio::test]
async fn a_beat_that_was_refused_while_there_was_no_session_is_not_recorded_later() {
    let database = Database::create().await;
    let Some(pooler) = PgBouncer::start(&database, 1).await else { return };
    let url = pooler.url(&database);
    let server = server(&database, &url).start().await;
    let laptop = server.device("Laptop").await;
    laptop.beat().await;

    let mut other = connect(&url).await;
    let mut taken = other.begin().await.expect("a transaction");
    sqlx::raw_sql("SELECT").execute(&mut *taken).await.expect("the only session");
    let refused = laptop.post("/api/beat", "").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "5"), "{refused}");
    taken.commit().await.expect("a commit");

    let mut accepted = 1;
    eventually("a beat that is accepted", async || {
        let beat = laptop.post("/api/beat", "").await;
        accepted += i64::from(beat.status == 200);
        beat.status == 200
    })
    .await;
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, accepted);
}

#[tokio::test]
async fn migrate_export_and_import_work() {
    let (database, copy) = (Database::create().await, Database::create().await);
    let Some(pooler) = PgBouncer::start(&database, SESSIONS).await else { return };
    let (url, copy_url) = (pooler.url(&database), pooler.url(&copy));
    for _ in 0..2 {
        let (code, output) = server(&database, &url).argument("migrate").run().await;
        assert_eq!(code, 0, "{output}");
    }
    let running = server(&database, &url).start().await;
    let laptop = running.device("Laptop").await;
    for _ in 0..3 {
        laptop.beat().await;
    }
    let exported = server(&database, &url).argument("export").pipe("").await;
    assert!(exported.status.success(), "{exported:?}");
    let text = String::from_utf8(exported.stdout).expect("text");
    let imported = server(&copy, &copy_url).argument("import").pipe(&text).await;
    assert!(imported.status.success(), "{imported:?}");
    assert_eq!(copy.number("SELECT count(*) FROM heartbeat.beats").await, 3);
}

#[tokio::test]
async fn every_function_works() {
    let database = Database::create().await;
    let Some(pooler) = PgBouncer::start(&database, SESSIONS).await else { return };
    let url = pooler.url(&database);
    let migrator = function("migrator", &database, &url).await;
    migrator.invoke(serde_json::json!({})).await.expect("migrations");
    let devices = function("owner", &database, &url).await;
    let made =
        devices.request(&Method::POST, "/api/devices", Some(SECRET_KEY), br#"{"name": "Laptop"}"#).await;
    assert_eq!(made.status, 200, "{made}");
    for (name, path) in [
        ("home", "/"),
        ("stats_page", "/stats"),
        ("stats", "/api/stats"),
        ("health", "/.well-known/health"),
        ("badge_last_seen", "/badge/last-seen"),
        ("badge_total_beats", "/badge/total-beats?device=0"),
        ("badge_builder", "/badges"),
        ("pair_page", "/pair"),
        ("og", "/og.png"),
        ("pictures", "/heatmap.svg"),
    ] {
        let response = function(name, &database, &url).await.request(&Method::GET, path, None, b"").await;
        assert_eq!(response.status, 200, "{name}: {response}");
    }
    let minutely = function("minutely", &database, &url).await;
    minutely.invoke(serde_json::json!({})).await.expect("jobs");
}

#[tokio::test]
async fn without_the_setting_the_log_says_what_to_do() {
    let database = Database::create().await;
    let Some(pooler) = PgBouncer::start(&database, SESSIONS).await else { return };
    let builder = ServerBuilder::on(&database).environment("HEARTBEAT_DATABASE_DSN", &pooler.url(&database));
    let mut server: Server = builder.start_listening().await;
    server.wait_for("database.pooler").await;
}
