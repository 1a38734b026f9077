//! Dumps of what the owner decided, devices that are erased above all.

use heartbeat_tests::{
    Database, Server, ServerBuilder,
    records::{assert_records, count_inserted_beats},
};
use reqwest::Method;
use serde_json::json;

use crate::export::{export, import};

#[tokio::test]
async fn what_the_owner_decided_survives_an_export_and_an_import() {
    let (server, database) = Server::fresh().await;
    for name in ["Laptop", "Phone", "Tablet"] {
        server.owner().register(name).await;
    }
    let owner = server.owner();
    let change = async |id: i64, change: &str| {
        let response = owner.send(Method::PATCH, &format!("/api/devices/{id}"), change.into()).await;
        assert_eq!(response.status, 200, "{response}");
    };
    change(0, r#"{"visibility": "hidden", "sign_of_life": false}"#).await;
    change(1, r#"{"archived": true}"#).await;
    assert_eq!(owner.send(Method::DELETE, "/api/devices/2", Vec::new()).await.status, 204);
    let snooze = json!({ "until": "2126-12-06T18:00:00Z", "note": "In the mountains" });
    assert_eq!(owner.send(Method::PUT, "/api/snooze", snooze.to_string().into()).await.status, 200);
    database.execute("INSERT INTO heartbeat.settings (name, value) VALUES ('precision', 'hour')").await;

    let (text, copy) = (export(&database).await, Database::create().await);
    let (code, output) = import(&copy, &text).await;
    assert_eq!(code, Some(0), "{output}");
    assert_eq!(export(&copy).await, text);
    let copied = ServerBuilder::on(&copy).start().await;
    for path in ["/api/devices", "/api/snooze"] {
        assert_eq!(copied.owner().get(path).await.body, server.owner().get(path).await.body);
    }
    assert_eq!(copy.text("SELECT value FROM heartbeat.settings WHERE name = 'precision'").await, "hour");
    // The id of the device that is erased is given to no other.
    assert_eq!(copied.owner().register("New").await.0, 3);
}

#[tokio::test]
async fn an_erasure_that_is_not_finished_is_finished_where_it_is_imported() {
    let (server, database) = Server::fresh().await;
    for name in ["Laptop", "Phone"] {
        server.owner().register(name).await;
    }
    drop(server);
    database
        .execute("INSERT INTO heartbeat.beats SELECT i % 2, timestamptz '2026-01-01' + i * interval '40 minutes' FROM generate_series(1, 100) AS i")
        .await;
    count_inserted_beats(&database).await;
    database
        .execute(
            "DELETE FROM heartbeat.devices WHERE id = 1;
             INSERT INTO heartbeat.erasures (device, erased_at) VALUES (1, '2026-06-01Z')",
        )
        .await;
    let (text, copy) = (export(&database).await, Database::create().await);
    assert_eq!(text.matches(r#""type":"beat""#).count(), 50, "{text}");
    assert_eq!(import(&copy, &text).await.0, Some(0));
    let mut server = ServerBuilder::on(&copy).start().await;
    server.wait_for("erase_beats").await;
    assert_records(&copy).await;
    assert_eq!(server.stranger().stats().await["total_beats"], 50);

    // No line may bring the device back.
    for line in [
        r#"{"type":"beat","device":1,"time_stamp":"2026-01-01T00:00:00Z"}"#,
        r#"{"type":"device","id":1,"name":null,"token_hash":"00"}"#,
    ] {
        let (last, _) = text.split_once("{\"type\":\"end\"").expect("an end");
        let (code, output) = import(&Database::create().await, &format!("{last}{line}\n")).await;
        assert_eq!(code, Some(1));
        assert!(output.contains("device id 1: another line says that this device was erased"), "{output}");
    }
}
