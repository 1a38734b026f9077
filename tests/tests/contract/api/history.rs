//! `GET /api/history` and `GET /api/absences`.

use heartbeat_tests::{Database, Server, ServerBuilder, eventually};
use reqwest::Method;
use serde_json::json;

/// Beats of two devices, the second of which is hidden.
const BEATS: &str = "
    INSERT INTO heartbeat.devices (name, token_hash) VALUES ('Laptop', sha256('a')), ('Phone', sha256('b'));
    UPDATE heartbeat.devices SET visibility = 'hidden' WHERE name = 'Phone';
    INSERT INTO heartbeat.beats VALUES
        (0, '2026-03-01T10:00:05Z'), (0, '2026-03-01T10:00:35Z'), (1, '2026-03-01T10:01:00Z'), (0, '2026-03-01T23:30:00Z'),
        (1, '2026-03-04T08:15:00Z'), (0, '2026-03-04T09:20:00Z');
    UPDATE heartbeat.devices SET (num_beats, last_beat) =
        (SELECT count(*), max(time_stamp) FROM heartbeat.beats WHERE device = id);";

/// A server with these beats, all of which are rolled up.
async fn server(arguments: &[&str]) -> (Server, Database) {
    let (fresh, database) = Server::fresh().await;
    drop(fresh);
    database.execute(BEATS).await;
    let server =
        arguments.iter().fold(ServerBuilder::on(&database), |server, argument| server.argument(argument));
    let server = server.start().await;
    let rolled = "SELECT count(*) FROM heartbeat.roll_up WHERE rolled_until > now() - interval '2 minutes'";
    eventually("everything rolled up", async || database.number(rolled).await == 1).await;
    (server, database)
}

const MARCH: &str = "/api/history?from=2026-03-01&to=2026-03-31";

#[tokio::test]
async fn strangers_see_sums_of_days_and_the_owner_sees_hours_and_hidden_devices() {
    let (server, _database) = server(&["--timezone", "Europe/Berlin"]).await;
    let (anyone, owner) = (server.stranger(), server.owner());
    let response = anyone.get(MARCH).await;
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(
        response.json(),
        json!({"timezone": "Europe/Berlin", "step": "day", "rows": [
            {"start": "2026-03-01", "minutes": 2, "beats": 3},
            {"start": "2026-03-02", "minutes": 1, "beats": 1},
            {"start": "2026-03-04", "minutes": 2, "beats": 2},
        ]})
    );
    assert_eq!(
        (response.header("cache-control"), response.header("access-control-allow-origin")),
        ("no-cache", "*")
    );
    for refused in ["&step=hour", "&step=quarter"] {
        let response = anyone.get(&format!("{MARCH}{refused}")).await;
        assert_eq!((response.status, response.header("content-type")), (403, "application/problem+json"));
    }
    assert_eq!(anyone.get("/api/absences").await.status, 403);
    assert_eq!(anyone.get(&format!("{MARCH}&device=0")).await.json()["rows"][0]["beats"], 2);
    assert_eq!(anyone.get(&format!("{MARCH}&device=1")).await.status, 404, "it is hidden");
    let response = owner.get(&format!("{MARCH}&device=1&step=quarter")).await;
    assert_eq!(
        response.json()["rows"],
        json!([
            {"start": "2026-03-01T11:00:00+01:00", "minutes": 1, "beats": 1},
            {"start": "2026-03-04T09:15:00+01:00", "minutes": 1, "beats": 1},
        ])
    );
    assert_eq!(
        (response.header("cache-control"), response.header("access-control-allow-origin")),
        ("no-store", "")
    );
    assert_eq!(
        owner.get(&format!("{MARCH}&step=hour")).await.json()["rows"].as_array().map(Vec::len),
        Some(4)
    );
}

#[tokio::test]
async fn each_level_shows_what_it_says() {
    for (level, days, hours) in
        [("off", 403, 403), ("owner", 403, 403), ("day", 200, 403), ("full", 200, 200)]
    {
        let (server, _database) = server(&["--history", level]).await;
        let (anyone, owner) = (server.stranger(), server.owner());
        let paths = [MARCH.to_owned(), format!("{MARCH}&step=hour"), "/api/absences".to_owned()];
        for (path, status) in paths.iter().zip([days, hours, hours]) {
            assert_eq!(anyone.get(path).await.status, status, "{level} {path}");
            assert_eq!(owner.get(path).await.status, 200, "{level} {path}");
        }
        let wrong = anyone.authorized("Bearer wrong");
        assert_eq!(wrong.get(MARCH).await.status, 401, "{level}");
    }
}

#[tokio::test]
async fn absences_come_by_their_end_or_their_length_page_by_page() {
    let (server, database) = server(&["--history", "full"]).await;
    let client = server.stranger();
    let starts = |response: &heartbeat_tests::Response| -> Vec<String> {
        let absences = response.json()["absences"].clone();
        let absences = absences.as_array().expect("absences").clone();
        absences.iter().map(|absence| absence["started_at"].as_str().expect("a time").to_owned()).collect()
    };
    let latest = client.get("/api/absences").await;
    assert_eq!(latest.json()["next"], json!(null));
    assert_eq!(
        starts(&latest),
        ["2026-03-04T09:20:00Z", "2026-03-04T08:15:00Z", "2026-03-01T23:30:00Z", "2026-03-01T10:01:00Z"]
    );
    assert_eq!(latest.json()["absences"][0]["ended_at"], json!(null), "it goes on");
    assert_eq!(
        latest.json()["absences"][2],
        json!({"started_at": "2026-03-01T23:30:00Z", "ended_at": "2026-03-04T08:15:00Z", "seconds": 204_300})
    );
    let mut pages = Vec::new();
    let mut next = String::new();
    loop {
        let page = client.get(&format!("/api/absences?order=longest&limit=1&before={next}")).await;
        assert_eq!(page.status, 200, "{page}");
        pages.extend(starts(&page));
        match page.json()["next"].as_i64() {
            Some(id) => next = id.to_string(),
            None => break,
        }
    }
    assert_eq!(
        pages,
        ["2026-03-04T09:20:00Z", "2026-03-01T23:30:00Z", "2026-03-01T10:01:00Z", "2026-03-04T08:15:00Z"],
        "the one that goes on comes first"
    );
    for wrong in ["order=best", "limit=0", "limit=1001", "limit=x", "before=x", "before=1-1", "before=4711"] {
        assert_eq!(client.get(&format!("/api/absences?{wrong}")).await.status, 400, "{wrong}");
    }
    // A beat ends the one of the present.
    let device = server.device("Watch").await;
    device.beat().await;
    eventually("the absence has ended", async || {
        client.get("/api/absences?limit=1").await.json()["absences"][0]["started_at"]
            == "2026-03-04T09:20:00Z"
    })
    .await;
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.absences").await, 4);
}

#[tokio::test]
async fn a_beat_is_in_the_history_within_seconds() {
    let (server, _database) = server(&[]).await;
    let device = server.device("Watch").await;
    let today = async || {
        server.stranger().get("/api/history").await.json()["rows"]
            .as_array()
            .and_then(|rows| rows.last().cloned())
    };
    let before = today().await.map_or(json!("2026-03-04"), |row| row["start"].clone());
    assert_eq!(before, "2026-03-04");
    device.beat().await;
    eventually("the beat counts", async || {
        today().await.is_some_and(|row| row["beats"] == 1 && row["minutes"] == 1)
    })
    .await;
    device.beat().await;
    eventually("so does the next one", async || today().await.is_some_and(|row| row["beats"] == 2)).await;
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let (server, _database) = server(&["--history", "full"]).await;
    let client = server.stranger();
    for (query, named) in [
        ("from=yesterday", "from"),
        ("to=2026-13-01", "to"),
        ("from=2026-1-1", "from"),
        ("step=week", "step"),
        ("device=x", "device"),
        ("device=01", "device"),
        ("from=2026-03-02&to=2026-03-01", "from"),
        ("step=quarter", "rows"),
        ("from=1970-01-01", "rows"),
        ("from=2025-01-01&step=hour&to=2026-12-31", "rows"),
    ] {
        let response = client.get(&format!("/api/history?{query}")).await;
        assert_eq!(response.status, 400, "{query}: {response}");
        let detail = response.json()["detail"].as_str().expect("a detail").to_owned();
        assert!(detail.contains(named), "{query}: {detail}");
    }
    for query in [
        "from=&to=&step=&device=",
        "from=0001-01-01&to=0001-01-31",
        "from=9999-12-01&to=9999-12-31",
        "other=1",
    ] {
        assert_eq!(client.get(&format!("/api/history?{query}")).await.status, 200, "{query}");
    }
    assert_eq!(client.send(Method::POST, "/api/history", Vec::new()).await.status, 405);
}

#[tokio::test]
async fn an_answer_that_the_client_has_is_not_sent_again() {
    let (server, _database) = server(&[]).await;
    let first = server.stranger().get(MARCH).await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let url = format!("{}{MARCH}", server.url());
    let again =
        client.get(&url).header("if-none-match", first.header("etag")).send().await.expect("a response");
    assert_eq!(again.status(), 304);
    assert_eq!(
        client.get(&url).header("if-none-match", "\"0\"").send().await.expect("a response").status(),
        200
    );
}

#[tokio::test]
async fn under_a_precision_strangers_see_the_history_up_to_the_last_boundary() {
    let (server, database) = server(&["--precision", "day", "--history", "full"]).await;
    server.device("Watch").await.beat().await;
    let last = async |client: heartbeat_tests::Client| {
        client.get("/api/history").await.json()["rows"].as_array().and_then(|rows| rows.last().cloned())
    };
    eventually("the owner sees it", async || last(server.owner()).await.is_some_and(|row| row["beats"] == 1))
        .await;
    assert_eq!(last(server.stranger()).await.map(|row| row["start"].clone()), Some(json!("2026-03-04")));
    let absences = server.stranger().get("/api/absences").await.json();
    assert_eq!(absences["absences"][0]["ended_at"], json!(null), "for them it goes on");
    assert_eq!(absences["absences"][0]["started_at"], "2026-03-04T00:00:00Z");
    let page = server.stranger().get("/api/absences?limit=1").await.json();
    assert!(page["next"].as_i64().is_some_and(|next| next < 100), "no time, in {page}");
    assert_eq!(
        server.owner().get("/api/absences").await.json()["absences"][0]["started_at"],
        "2026-03-04T09:20:00Z"
    );
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.absences").await, 4);
}
