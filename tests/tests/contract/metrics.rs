//! `GET /metrics`

use std::collections::BTreeSet;

use heartbeat_tests::{
    Client, Database, Server, ServerBuilder, Viewer, eventually,
    fake_discord::{Behavior, FakeDiscord},
};
use reqwest::Method;

/// A token of the configuration.
const TOKEN: &str = "a token for Prometheus";

/// Returns the metrics that this client reads.
pub(crate) async fn scrape(client: &Client) -> String {
    let response = client.get("/metrics").await;
    assert_eq!(response.status, 200, "{}", response.body);
    assert_eq!(response.header("content-type"), "text/plain; version=0.0.4");
    assert_eq!(response.header("cache-control"), "no-store");
    assert_eq!(response.header("access-control-allow-origin"), "");
    response.body
}

/// Returns the value of a series, with its labels as they are written.
fn value<'a>(metrics: &'a str, series: &str) -> Option<&'a str> {
    metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
}

/// Returns the values of a label.
fn label_values<'a>(metrics: &'a str, label: &str) -> BTreeSet<&'a str> {
    let start = format!("{label}=\"");
    let after = metrics.split(&start).skip(1);
    after.map(|rest| rest.split('"').next().unwrap_or_default()).collect()
}

#[tokio::test]
async fn devices_are_told_by_id_and_those_in_public_by_name() {
    let (server, database) = Server::fresh().await;
    let laptop = server.device("Lap\"top\\").await;
    let tablet = server.device("Tablet of nobody's business").await;
    server.device("Old phone of nobody's business").await;
    let recorded_at = laptop.beat().await;
    laptop.beat().await;
    tablet.beat().await;
    database
        .execute(
            "UPDATE heartbeat.devices SET visibility = 'hidden' WHERE id = 1;
             UPDATE heartbeat.devices SET archived_at = now() WHERE id = 2;
             UPDATE heartbeat.stats SET longest_absence = '1 day'",
        )
        .await;
    let metrics = scrape(&server.owner()).await;
    let value = |series: &str| value(&metrics, series);
    assert_eq!(value("heartbeat_beats_total{device=\"0\"}"), Some("2"));
    assert_eq!(value("heartbeat_beats_total{device=\"1\"}"), Some("1"));
    assert_eq!(value("heartbeat_beats_total{device=\"2\"}"), Some("0"));
    let last_beat = value("heartbeat_last_beat_timestamp_seconds{device=\"0\"}").expect("a time");
    let last_beat: f64 = last_beat.parse().expect("a number");
    #[expect(clippy::cast_precision_loss, reason = "a Unix time is small")]
    let recorded_at = recorded_at as f64;
    assert!((recorded_at..recorded_at + 60.0).contains(&last_beat), "{last_beat}");
    assert_eq!(value("heartbeat_last_beat_timestamp_seconds{device=\"2\"}"), None, "it never beat");
    assert_eq!(value(r#"heartbeat_device_info{device="0",name="Lap\"top\\"}"#), Some("1"));
    assert!(!metrics.contains("nobody's business"), "{metrics}");
    assert_eq!(value("heartbeat_longest_absence_seconds"), Some("86400"));
    assert!(metrics.contains("heartbeat_build_info{version=\""), "{metrics}");
    assert_eq!(value("heartbeat_snoozed"), Some("0"));

    database.execute("UPDATE heartbeat.owner SET snoozed_until = now() + interval '1 hour'").await;
    database.execute("UPDATE heartbeat.devices SET last_beat = now() - interval '10 days'").await;
    let metrics = scrape(&server.owner()).await;
    let value = |series: &str| super::metrics::value(&metrics, series);
    assert_eq!(value("heartbeat_snoozed"), Some("1"));
    let absence = value("heartbeat_longest_absence_seconds").expect("a duration");
    assert!(absence.parse::<i64>().expect("a number") >= 864_000, "the ongoing one counts: {absence}");
}

#[tokio::test]
async fn alerts_that_fire_are_told_by_id_and_when_they_were_evaluated() {
    let (server, database) = Server::fresh().await;
    database
        .execute(
            "INSERT INTO heartbeat.alerts (name, after_seconds, enabled)
             SELECT 'Nobody''s business', 86400, false FROM generate_series(1, 4);
             INSERT INTO heartbeat.alert_firings (alert, name, since, ended_at, resolved_at) VALUES
                 (1, 'Firing', now() - interval '2 days', NULL, NULL),
                 (2, 'Friends are not told yet', now() - interval '2 days', now(), NULL),
                 (3, 'Over', now() - interval '2 days', now(), now());
             UPDATE heartbeat.alert_evaluation SET evaluated_at = now()",
        )
        .await;
    let metrics = scrape(&server.owner()).await;
    let value = |series: &str| value(&metrics, series);
    let firing = [1, 2, 3, 4].map(|id| value(&format!("heartbeat_alert_firing{{alert=\"{id}\"}}")));
    assert_eq!(firing, [Some("1"), Some("0"), Some("0"), Some("0")]);
    let evaluated_at = value("heartbeat_alert_evaluation_timestamp_seconds").expect("a time");
    assert!(evaluated_at.parse::<f64>().expect("a number") > 1_700_000_000.0, "{evaluated_at}");
    assert!(!metrics.contains("business"), "{metrics}");
}

#[tokio::test]
async fn the_owner_and_the_token_of_the_configuration_open_them_and_nothing_else_does() {
    let database = Database::create().await;
    let (key, token) = ("HEARTBEAT_SECRET_KEY", "HEARTBEAT_METRICS_TOKEN");
    let neither = ServerBuilder::on(&database).environment(key, "").start().await;
    let both = ServerBuilder::on(&database).environment(token, TOKEN).start().await;
    let token_alone =
        ServerBuilder::on(&database).environment(key, "").environment(token, TOKEN).start().await;
    let bearer = format!("Bearer {TOKEN}");

    for authorization in [TOKEN, "wrong"] {
        for method in [Method::GET, Method::POST] {
            let client = neither.stranger().authorized(authorization);
            assert_eq!(client.send(method, "/metrics", Vec::new()).await.status, 404);
        }
    }
    for server in [&both, &token_alone] {
        scrape(&server.stranger().authorized(&bearer)).await;
        scrape(&server.stranger().authorized(TOKEN)).await;
        for stranger in [server.stranger(), server.stranger().authorized("Bearer wrong")] {
            let response = stranger.get("/metrics").await;
            assert_eq!((response.status, response.header("www-authenticate")), (401, "Bearer"));
            assert_eq!(response.header("content-type"), "application/problem+json");
        }
        let response = server.stranger().authorized(TOKEN).post("/metrics", "").await;
        assert_eq!((response.status, response.header("allow")), (405, "GET,HEAD"));
    }
    scrape(&both.owner()).await;
    let device = token_alone.stranger().authorized(TOKEN).post("/api/devices", r#"{"name": "Laptop"}"#).await;
    assert_eq!(device.status, 404);
    let device = both.stranger().authorized(TOKEN).post("/api/devices", r#"{"name": "Laptop"}"#).await;
    assert_eq!(device.status, 401, "the token opens nothing else");
}

#[tokio::test]
async fn guesses_of_the_token_are_slowed_down() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).environment("HEARTBEAT_METRICS_TOKEN", TOKEN).start().await;
    let guesser = server.stranger().authorized("a guess");
    let mut status = 401;
    for _ in 0..30 {
        status = guesser.get("/metrics").await.status;
    }
    assert_eq!(status, 429);
    let right = server.stranger().authorized(TOKEN).get("/metrics").await;
    assert_eq!(right.status, 429, "a right guess is not told from a wrong one");
}

#[tokio::test]
async fn whatever_strangers_send_the_labels_stay_few() {
    let (server, _database) = Server::fresh().await;
    let stranger = server.stranger();
    for number in 0..20 {
        stranger.get(&format!("/made-up/{number}")).await;
        stranger.get(&format!("/badge/last-seen?made-up={number}")).await;
        stranger.post(&format!("/api/devices/{number}/token/generate"), "").await;
        stranger.get(&format!("/assets/{number}")).await;
        let method = Method::from_bytes(format!("MADEUP{number}").as_bytes()).expect("a method");
        stranger.send(method, "/api/stats", Vec::new()).await;
    }
    let metrics = scrape(&server.owner()).await;
    let count = |route: &str, method: &str, code: u16| {
        let labels = format!(r#"{{code="{code}",method="{method}",route="{route}"}}"#);
        value(&metrics, &format!("heartbeat_http_requests_total{labels}")).map(str::to_owned)
    };
    assert_eq!(count("other", "GET", 404).as_deref(), Some("20"));
    assert_eq!(count("/badge/last-seen", "GET", 200).as_deref(), Some("20"));
    assert_eq!(count("/api/devices/{id}/token/generate", "POST", 401).as_deref(), Some("20"));
    assert_eq!(count("/api/stats", "other", 405).as_deref(), Some("20"));
    assert!(!metrics.to_lowercase().contains("made"), "{metrics}");
    assert_eq!(label_values(&metrics, "method"), BTreeSet::from(["GET", "POST", "other"]));
    let durations = "heartbeat_http_request_duration_seconds_count{route=\"/badge/last-seen\"}";
    assert_eq!(value(&metrics, durations), Some("20"));
}

#[tokio::test]
async fn what_the_process_does_is_counted() {
    let (database, discord) = (Database::create().await, FakeDiscord::start(Behavior::Accepts).await);
    let server = ServerBuilder::on(&database)
        .environment("HEARTBEAT_WEBHOOK_URL", &discord.url)
        .environment("HEARTBEAT_WEBHOOK_LEVEL", "all")
        .start()
        .await;
    let owner = server.owner();
    let attempts = "heartbeat_notification_attempts_total{channel=\"config:discord\"}";
    let failures = "heartbeat_notification_failures_total{channel=\"config:discord\"}";
    eventually("counters from zero", async || value(&scrape(&owner).await, failures) == Some("0")).await;
    server.device("Laptop").await.beat().await;
    eventually("an attempt", async || {
        value(&scrape(&owner).await, attempts).is_some_and(|attempts| attempts != "0")
    })
    .await;

    discord.change(Behavior::Responds(500, "x-none", ""));
    server.device("Phone").await.beat().await;
    eventually("a failure", async || {
        value(&scrape(&owner).await, failures).is_some_and(|failures| failures != "0")
    })
    .await;
    let metrics = scrape(&owner).await;
    let waiting = value(&metrics, "heartbeat_outbox_waiting{channel=\"config:discord\"}").expect("a number");
    assert_ne!(waiting, "0");
    let oldest = "heartbeat_outbox_oldest_timestamp_seconds{channel=\"config:discord\"}";
    assert!(value(&metrics, oldest).is_some_and(|oldest| oldest.parse::<f64>().expect("a number") > 1e9));
    assert_eq!(value(&metrics, "heartbeat_commit_duration_seconds_count"), Some("2"));

    let viewers = async || value(&scrape(&owner).await, "heartbeat_viewers").map(str::to_owned);
    assert_eq!(viewers().await.as_deref(), Some("0"));
    let mut viewer = Viewer::connect(&format!("ws://127.0.0.1:{}/api/stats/ws", server.port())).await;
    viewer.frame().await;
    assert_eq!(viewers().await.as_deref(), Some("1"));
    drop(viewer);
    eventually("no viewer", async || viewers().await.as_deref() == Some("0")).await;
}

#[tokio::test]
async fn without_a_database_there_are_none() {
    let nowhere = Database::reserve();
    let server = ServerBuilder::on(&nowhere).start_listening().await;
    let response = server.owner().get("/metrics").await;
    assert_eq!((response.status, response.header("retry-after")), (503, "5"));
}
