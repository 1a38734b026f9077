//! `POST /api/beat`

use heartbeat_tests::Server;
use insta::assert_snapshot;
use time::OffsetDateTime;

#[expect(clippy::disallowed_methods, reason = "compares the clocks of server and test")]
fn unix_time() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

#[tokio::test]
async fn a_beat_answers_the_time_at_which_it_was_recorded() {
    let (server, database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;

    let before = unix_time();
    let response = laptop.post("/api/beat", "").await;
    let after = unix_time();

    assert_eq!((response.status, response.header("content-type")), (200, "text/plain; charset=utf-8"));
    let recorded: i64 = response.body.parse().expect("digits only");
    assert!((before..=after).contains(&recorded), "{before} {recorded} {after}");
    let kept =
        database.number("SELECT floor(extract(epoch FROM time_stamp))::bigint FROM heartbeat.beats").await;
    assert_eq!(kept, recorded);
}

#[tokio::test]
async fn the_token_may_follow_the_word_bearer_in_any_case() {
    let (server, _database) = Server::fresh().await;
    let (_, token) = server.owner().register("Laptop").await;
    for scheme in ["", "Bearer ", "bearer ", "BEARER "] {
        server.stranger().authorized(&format!("{scheme}{token}")).beat().await;
    }
    assert_eq!(server.stranger().stats().await["total_beats"], 4);
}

#[tokio::test]
async fn without_a_token_that_is_known_nothing_is_recorded() {
    let (server, database) = Server::fresh().await;
    let (_, token) = server.owner().register("Laptop").await;
    assert_snapshot!(server.stranger().post("/api/beat", "").await, @r#"
    401
    content-type: application/problem+json
    www-authenticate: Bearer

    {"type":"about:blank","title":"Unauthorized","status":401,"detail":"The Authorization header is missing, or what it holds is not valid here."}
    "#);
    for wrong in ["", "Bearer", "Bearer ", "hbt_", "the owner's key", &token[1..], &format!("Basic {token}")]
    {
        let response = server.stranger().authorized(wrong).post("/api/beat", "").await;
        assert_eq!(response.status, 401, "{wrong}");
    }
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 0);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.stats WHERE last_beat IS NULL").await, 1);
}

#[tokio::test]
async fn every_acknowledged_beat_is_one_row_and_is_counted_once() {
    let (server, database) = Server::fresh().await;
    let (laptop, phone) = (server.device("Laptop").await, server.device("Phone").await);

    let beats = (0..200).map(|number| {
        let device = if number % 4 == 0 { phone.clone() } else { laptop.clone() };
        tokio::spawn(async move { device.beat().await })
    });
    for beat in beats.collect::<Vec<_>>() {
        beat.await.expect("a recorded beat");
    }

    let stats = server.stranger().stats().await;
    assert_eq!(stats["total_beats"], 200);
    assert_eq!(
        (&stats["devices"][0]["num_beats"], &stats["devices"][1]["num_beats"]),
        (&150.into(), &50.into())
    );
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 200);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats WHERE device = 1").await, 50);
}

#[tokio::test]
async fn a_body_is_ignored() {
    let (server, _database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    assert_eq!(laptop.post("/api/beat", "not read").await.status, 200);
}
