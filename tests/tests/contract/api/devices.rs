//! `POST /api/devices`

use heartbeat_tests::{Database, Server, ServerBuilder};
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_device_is_answered_with_its_id_its_name_and_its_token() {
    let (server, _database) = Server::fresh().await;
    let response = server.owner().post("/api/devices", r#"{"name": "Laptop"}"#).await;

    assert_eq!((response.status, response.header("content-type")), (200, "application/json"));
    let device = response.json();
    let token = device["token"].as_str().expect("a token");
    assert_eq!(device, json!({ "id": 0, "name": "Laptop", "token": token }));
    // 43 characters of base64 hold 256 bits.
    assert!(token.starts_with("hbt_") && token.len() == "hbt_".len() + 43, "{token}");
}

#[tokio::test]
async fn ids_count_from_zero() {
    let (server, _database) = Server::fresh().await;
    for expected in 0..3 {
        let (id, _) = server.owner().register("Another").await;
        assert_eq!(id, expected);
    }
}

#[tokio::test]
async fn the_database_keeps_a_hash_of_the_token_and_nothing_else_of_it() {
    let (server, database) = Server::fresh().await;
    let (_, token) = server.owner().register("Laptop").await;
    let known = format!("SELECT count(*) FROM heartbeat.devices WHERE token_hash = sha256('{token}')");
    assert_eq!(database.number(&known).await, 1);
    let in_clear = format!(
        "SELECT count(*) FROM heartbeat.devices AS device WHERE device::text LIKE '%{}%'",
        &token[4..]
    );
    assert_eq!(database.number(&in_clear).await, 0);
}

#[tokio::test]
async fn only_the_owner_registers_devices() {
    let (server, _database) = Server::fresh().await;
    let device = server.device("Laptop").await;
    let body = r#"{"name": "Mine"}"#;
    assert_eq!(server.stranger().post("/api/devices", body).await.status, 401);
    assert_eq!(device.post("/api/devices", body).await.status, 401);
    for wrong in ["", "the owner's", "the owner's keyy", "Bearer", "Bearer nope"] {
        assert_eq!(
            server.stranger().authorized(wrong).post("/api/devices", body).await.status,
            401,
            "{wrong}"
        );
    }
    for right in ["the owner's key", "Bearer the owner's key", "bEARER the owner's key"] {
        assert_eq!(
            server.stranger().authorized(right).post("/api/devices", body).await.status,
            200,
            "{right}"
        );
    }
}

#[tokio::test]
async fn credentials_are_checked_before_the_body_is_read() {
    let (server, _database) = Server::fresh().await;
    assert_eq!(server.stranger().post("/api/devices", "{").await.status, 401);
    // A body that never arrives: the response must not wait for it.
    let response = raw_request(
        server.port(),
        "POST /api/devices HTTP/1.1\r\nhost: h\r\ncontent-length: 20000000\r\nauthorization: no\r\n\r\n",
    );
    assert!(response.await.starts_with("HTTP/1.1 401 "));
}

/// Sends bytes; returns the first ones of the response, without waiting for its end.
async fn raw_request(port: u16, request: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut response = vec![0; 1024];
    let length = stream.read(&mut response).await.expect("a response");
    String::from_utf8_lossy(&response[..length]).into_owned()
}

#[tokio::test]
async fn names_in_any_script_are_kept_without_the_blanks_around_them() {
    let (server, _database) = Server::fresh().await;
    let longest = "\u{1F4F1}".repeat(100);
    for (sent, kept) in [
        ("  Laptop ", "Laptop"),
        ("Mañana 携帯 📱", "Mañana 携帯 📱"),
        ("<b>&\"'", "<b>&\"'"),
        (&longest, &longest),
    ] {
        let response = server.owner().post("/api/devices", json!({ "name": sent }).to_string()).await;
        assert_eq!((response.status, &response.json()["name"]), (200, &json!(kept)));
    }
    let stats = server.stranger().stats().await;
    assert_eq!(stats["devices"][1]["name"], "Mañana 携帯 📱");
}

#[tokio::test]
async fn the_content_type_does_not_matter_and_other_members_are_ignored() {
    let (server, _database) = Server::fresh().await;
    let response = server.owner().post("/api/devices", r#"{"kind": [1, {}], "name": "Laptop"}"#).await;
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn bodies_that_are_not_an_object_with_a_valid_name_are_rejected() {
    let (server, database) = Server::fresh().await;
    let too_long = json!({ "name": "a".repeat(101) }).to_string();
    let deep = "[".repeat(10_000);
    let bodies: [&[u8]; 19] = [
        b"",
        b"{",
        b"null",
        b"Laptop",
        b"\"Laptop\"",
        br#"["Laptop"]"#,
        b"{}",
        br#"{"Name": "Laptop"}"#,
        br#"{"name": null}"#,
        br#"{"name": 5}"#,
        br#"{"name": ["Laptop"]}"#,
        br#"{"name": ""}"#,
        br#"{"name": " \u3000"}"#,
        br#"{"name": "a\nb"}"#,
        br#"{"name": "a\u0000b"}"#,
        br#"{"name": "\ud800"}"#,
        b"{\"name\": \"\xff\"}",
        too_long.as_bytes(),
        deep.as_bytes(),
    ];
    for body in bodies {
        let response = server.owner().post("/api/devices", body).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]);
        assert_eq!(
            (response.status, response.header("content-type")),
            (400, "application/problem+json"),
            "{shown}"
        );
    }
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.devices").await, 0);
}

#[tokio::test]
async fn an_error_says_what_is_wrong() {
    let (server, _database) = Server::fresh().await;
    assert_snapshot!(server.owner().post("/api/devices", "{}").await, @r#"
    400
    content-type: application/problem+json
    cache-control: no-store

    {"type":"about:blank","title":"Bad Request","status":400,"detail":"The member \"name\" is missing."}
    "#);
    let response = server.owner().post("/api/devices", json!({ "name": "a".repeat(101) }).to_string()).await;
    assert_eq!(response.json()["detail"], "The body is refused: the name is longer than 100 characters.");
}

#[tokio::test]
async fn sixteen_kibibytes_are_read_and_not_one_byte_more() {
    let (server, _database) = Server::fresh().await;
    let padded = |length: usize| {
        let body = r#"{"name": "Laptop"}"#;
        format!("{body}{}", " ".repeat(length - body.len()))
    };
    assert_eq!(server.owner().post("/api/devices", padded(16 * 1024)).await.status, 200);
    assert_snapshot!(server.owner().post("/api/devices", padded(16 * 1024 + 1)).await, @r#"
    413
    content-type: application/problem+json
    cache-control: no-store

    {"type":"about:blank","title":"Payload Too Large","status":413,"detail":"The body is larger than 16 KiB."}
    "#);
    let chunks = format!(
        "POST /api/devices HTTP/1.1\r\nhost: h\r\nauthorization: the owner's key\r\ntransfer-encoding: chunked\r\n\r\n5000\r\n{}\r\n0\r\n\r\n",
        " ".repeat(0x5000)
    );
    assert!(raw_request(server.port(), &chunks).await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn without_a_secret_key_there_is_no_such_route_for_any_request() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).environment("HEARTBEAT_SECRET_KEY", "").start().await;
    for path in ["/api/devices", "/api/devices/0/token/generate"] {
        for method in [Method::POST, Method::GET, Method::DELETE] {
            for client in [server.stranger(), server.owner(), server.stranger().authorized("Bearer ")] {
                let response = client.send(method.clone(), path, r#"{"name": "Laptop"}"#.into()).await;
                assert_eq!(
                    (response.status, response.header("content-type")),
                    (404, "application/problem+json")
                );
            }
        }
    }
}
