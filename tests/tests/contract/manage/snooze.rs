//! The forms to snooze alerts, and to say that all is well.

use heartbeat_tests::{Database, Server, ServerBuilder};
use serde_json::{Value, json};

use super::{form, owner};

async fn snooze(server: &Server) -> Value {
    server.owner().get("/api/snooze").await.json()
}

#[tokio::test]
async fn alerts_are_snoozed_until_a_time_of_the_owners_clocks_and_the_snooze_is_ended() {
    let database = Database::create().await;
    let server =
        ServerBuilder::on(&database).environment("HEARTBEAT_TIMEZONE", "Europe/Berlin").start().await;
    let owner = owner(&server).await;
    assert!(owner.get("/manage").await.body.contains("Until (time in Europe/Berlin)"));
    let note = "<b>Mountains</b>";
    let fields = [("do", "snooze"), ("length", ""), ("until", "2126-12-24T18:00"), ("note", note)];
    assert_eq!(owner.post("/manage", form(&fields)).await.header("location"), "/manage?done=snooze");
    assert_eq!(snooze(&server).await, json!({ "until": "2126-12-24T17:00:00Z", "note": note }));
    let page = owner.get("/manage?done=snooze").await;
    assert!(
        page.body.contains("24 December 2126, 17:00:00 UTC</time>") && !page.body.contains(note),
        "{page}"
    );
    assert!(page.body.contains("no alert fires before the snooze ends"), "{page}");

    assert_eq!(owner.post("/manage", "do=end-snooze").await.header("location"), "/manage?done=end-snooze");
    assert_eq!(snooze(&server).await["until"], json!(null));
    assert!(!owner.get("/manage").await.body.contains("value=\"end-snooze\""));
}

#[tokio::test]
async fn a_length_counts_days_from_now() {
    let (server, database) = Server::fresh().await;
    let owner = owner(&server).await;
    for days in [1, 3, 7] {
        let length = days.to_string();
        // A time that was typed before another choice counts for nothing.
        let fields = [("do", "snooze"), ("length", &*length), ("until", "2126-12-24T18:00")];
        assert_eq!(owner.post("/manage", form(&fields)).await.status, 303);
        let left =
            "SELECT round(extract(epoch FROM snoozed_until - now()) / 86400)::bigint FROM heartbeat.owner";
        assert_eq!(database.number(left).await, days);
    }
}

#[tokio::test]
async fn mistakes_are_named_and_set_no_snooze() {
    let (server, _database) = Server::fresh().await;
    let owner = owner(&server).await;
    let long = "a".repeat(201);
    for (length, until, note, said) in [
        ("", "", "", "expected a date and a time in the future"),
        ("", "2001-01-01T00:00", "", "expected a date and a time in the future"),
        ("", "9999-12-31T23:59:99", "", "expected a date and a time in the future"),
        ("2", "tomorrow", "", "expected a date and a time in the future"),
        ("1", "", &*long, "the note is longer than 200 characters"),
    ] {
        let fields = [("do", "snooze"), ("length", length), ("until", until), ("note", note)];
        let answer = owner.post("/manage", form(&fields)).await;
        assert!(answer.status == 400 && answer.body.contains(said), "{length} {until}: {answer}");
    }
    assert_eq!(snooze(&server).await["until"], json!(null));
}

#[tokio::test]
async fn the_owner_says_that_all_is_well() {
    let (server, database) = Server::fresh().await;
    let answer = owner(&server).await.post("/manage", "do=ok").await;
    assert_eq!((answer.status, answer.header("location")), (303, "/manage?done=ok"));
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.owner WHERE ok_at IS NOT NULL").await, 1);
}
