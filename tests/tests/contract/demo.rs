//! `heartbeat demo`: invented beats in an empty database.

use heartbeat_tests::{Database, ServerBuilder, eventually};
use serde_json::Value;

/// Runs `heartbeat demo`; returns its exit code and what it printed.
async fn demo(builder: &ServerBuilder) -> (i32, String, String) {
    let output = builder.clone().argument("demo").pipe("").await;
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn two_years_are_invented_in_an_empty_database_and_the_history_shows_them() {
    let database = Database::create().await;
    let builder = ServerBuilder::on(&database)
        .environment("HEARTBEAT_TIMEZONE", "Europe/Berlin")
        .environment("HEARTBEAT_LIVE_URL", "https://beat.example.org");
    let (code, printed, progress) = demo(&builder).await;
    assert_eq!(code, 0, "{progress}");
    assert!(progress.contains("reading beats: "), "{progress}");
    assert!(!printed.contains("hbt_"), "no token is shown: {printed}");
    let beats = database.number("SELECT count(*) FROM heartbeat.beats").await;
    let grouped = heartbeat_core::humanize::grouped(beats);
    insta::assert_snapshot!(printed.replace(&grouped, "BEATS"), @r"
    Invented two years of Laptop, Phone, Desktop, in Europe/Berlin, with BEATS beats. None of it is real.

    Start the server with the same configuration, and look at https://beat.example.org/.
    Strangers see whole days there; with --history full, hours, too.
    The devices beat no more until heartbeat devices token NAME gives them a token.
    For beats of your own, take another empty database.
    ");

    let server = builder.start().await;
    let stats = server.stranger().stats().await;
    assert_eq!(stats["total_beats"], beats);
    let longest = "SELECT extract(epoch FROM max(ended_at - started_at))::bigint FROM heartbeat.absences";
    assert_eq!(stats["longest_absence"], database.number(longest).await, "as absences say");
    let rolled = "SELECT count(*) FROM heartbeat.roll_up WHERE rolled_until > now() - interval '2 minutes'";
    let absences = "SELECT count(*) FROM heartbeat.absences";
    let invented = database.number(absences).await;
    eventually("everything rolled up", async || database.number(rolled).await == 1).await;
    assert_eq!(database.number(absences).await, invented, "the roll-up finds the same ones");

    let date = async |days| database.text(&format!("SELECT (now()::date + {days})::text")).await;
    let years = format!("/api/history?from={}&to={}", date(-800).await, date(1).await);
    let rows = |path: &str| {
        let request = path.to_owned();
        let client = server.stranger();
        async move { client.get(&request).await.json()["rows"].as_array().cloned().expect("rows") }
    };
    let days = rows(&years).await;
    assert!((720..=731).contains(&days.len()), "{}", days.len());
    let sum = |rows: &[Value]| rows.iter().filter_map(|row| row["beats"].as_i64()).sum::<i64>();
    assert_eq!(sum(&days), beats);
    for (id, device) in stats["devices"].as_array().expect("devices").iter().enumerate() {
        let days = rows(&format!("{years}&device={id}")).await;
        assert_eq!(device["num_beats"], sum(&days), "{device}");
    }
}

#[tokio::test]
async fn what_is_there_is_never_mixed_with_what_is_invented() {
    let (mut server, database) = heartbeat_tests::Server::fresh().await;
    server.device("Laptop").await;
    server.stop().await;
    let (code, printed, error) = demo(&ServerBuilder::on(&database)).await;
    assert_eq!((code, printed.as_str()), (1, ""));
    insta::assert_snapshot!(
        error,
        @"heartbeat: demo: the database holds devices, beats, channels or alerts already: take an empty one; nothing was changed"
    );
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.devices").await, 1);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 0);
}
