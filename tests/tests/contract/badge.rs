//! `GET /badge/last-seen`, `GET /badge/total-beats`

use std::time::Instant;

use heartbeat_tests::{Database, Server, ServerBuilder, client::http, eventually};
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::Value;

const NAMES: [&str; 2] = ["last-seen", "total-beats"];
const FORMATS: [(&str, &str); 4] =
    [("", "image/svg+xml"), (".svg", "image/svg+xml"), (".png", "image/png"), (".json", "application/json")];
const STYLES: [(&str, u32); 5] =
    [("flat", 20), ("flat-square", 20), ("plastic", 18), ("for-the-badge", 28), ("social", 20)];

/// Starts a server with fixed stats.
async fn with_beats() -> (Server, Database) {
    let (server, database) = Server::fresh().await;
    server.device("Laptop").await;
    server.device("Phone").await;
    database
        .execute(
            "UPDATE heartbeat.devices SET num_beats = 1234560, last_beat = now() - interval '3 minutes' WHERE id = 0;
             UPDATE heartbeat.devices SET num_beats = 7, last_beat = now() - interval '30 hours' WHERE id = 1",
        )
        .await;
    let seen = async || server.stranger().stats().await["total_beats"] == 1_234_567;
    eventually("stats of the changed rows", seen).await;
    (server, database)
}

#[tokio::test]
async fn both_badges_come_in_every_format_and_style() {
    let (server, _database) = with_beats().await;
    for name in NAMES {
        for (extension, content_type) in FORMATS {
            for (style, height) in STYLES {
                let response =
                    server.stranger().get(&format!("/badge/{name}{extension}?style={style}")).await;
                assert_eq!((response.status, response.header("content-type")), (200, content_type));
                let caching = "no-cache, max-age=0, must-revalidate";
                assert_eq!(response.header("cache-control"), caching);
                assert!(response.header("etag").len() > 10);
                match extension {
                    ".png" => assert_eq!(png_size(&response.bytes).1, height),
                    ".json" => assert_eq!(response.json()["schemaVersion"], 1),
                    _ => {
                        assert!(
                            response.body.contains(&format!(" height=\"{height}\"")),
                            "{}",
                            response.body
                        );
                    }
                }
            }
        }
    }
}

/// Width and height in the header of a PNG (RFC 2083, section 4.1.1).
fn png_size(png: &[u8]) -> (u32, u32) {
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().expect("four bytes"));
    (number(16), number(20))
}

#[tokio::test]
async fn they_are_worded_and_colored_like_shields() {
    let (server, _database) = with_beats().await;
    let json = async |path: &str| server.stranger().get(path).await.body;
    assert_snapshot!(
        json("/badge/last-seen.json").await,
        @r#"{"schemaVersion":1,"label":"last online","message":"3 minutes ago","color":"brightgreen"}"#
    );
    assert_snapshot!(
        json("/badge/total-beats.json").await,
        @r#"{"schemaVersion":1,"label":"total beats","message":"1,234,567","color":"blue"}"#
    );
    assert_snapshot!(
        json("/badge/last-seen.json?device=1").await,
        @r#"{"schemaVersion":1,"label":"Phone last online","message":"1 day ago","color":"orange"}"#
    );
    assert_snapshot!(
        json("/badge/total-beats.json?device=1&label=&color=4c1&labelColor=rebeccapurple").await,
        @r##"{"schemaVersion":1,"label":"","message":"7","color":"#44cc11","labelColor":"#663399"}"##
    );
}

#[tokio::test]
async fn before_the_first_beat_it_says_never() {
    let (server, _database) = Server::fresh().await;
    assert_snapshot!(
        server.stranger().get("/badge/last-seen.json").await.body,
        @r#"{"schemaVersion":1,"label":"last online","message":"never","color":"lightgrey"}"#
    );
    assert_snapshot!(
        server.stranger().get("/badge/total-beats.json").await.body,
        @r#"{"schemaVersion":1,"label":"total beats","message":"0","color":"blue"}"#
    );
}

#[tokio::test]
async fn a_beat_is_in_the_next_badge() {
    let (server, _database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    for beats in 1..=3 {
        laptop.beat().await;
        assert_eq!(
            server.stranger().get("/badge/total-beats.json").await.json()["message"],
            beats.to_string()
        );
    }
}

#[tokio::test]
async fn parameters_change_the_image() {
    let (server, _database) = with_beats().await;
    let plain = server.stranger().get("/badge/total-beats").await.body;
    assert!(plain.contains("data:image/svg+xml;base64,") && plain.contains("fill=\"#007ec6\""), "{plain}");
    for (query, expected) in [
        ("color=red", "fill=\"#dd4343\""),
        ("color=rgb(1%202%203)", "fill=\"#010203\""),
        ("labelColor=%23abc", "fill=\"#aabbcc\""),
        ("label=%C3%A9t%C3%A9", ">été<"),
        ("label=a%00b%0Ac", ">ab c<"),
        ("style=social", "Helvetica"),
        ("unknown=1&style=&color=", "fill=\"#007ec6\""),
        ("color=red&color=blue", "fill=\"#007ec6\""),
    ] {
        let response = server.stranger().get(&format!("/badge/total-beats?{query}")).await;
        assert!(response.status == 200 && response.body.contains(expected), "{query}: {response}");
    }
    let bare = server.stranger().get("/badge/total-beats?logo=none").await.body;
    assert!(!bare.contains("<image"), "{bare}");
    let sizes = [1, 2, 3, 4].map(|scale| format!("/badge/total-beats.png?scale={scale}"));
    let mut widths = Vec::new();
    for path in sizes {
        widths.push(png_size(&server.stranger().get(&path).await.bytes));
    }
    let (width, height) = widths[0];
    assert_eq!(widths, [1, 2, 3, 4].map(|scale| (width * scale, height * scale)));
    assert!(plain.contains(&format!("width=\"{width}\" height=\"{height}\"")), "{plain}");
}

#[tokio::test]
async fn an_invalid_parameter_is_named_in_the_image() {
    let (server, _database) = Server::fresh().await;
    for query in [
        "style=round",
        "color=notacolor",
        "labelColor=url(%23a)",
        "logo=http://example.org/a.svg",
        "logo=file:///etc/passwd",
        "cacheSeconds=86401",
        "cacheSeconds=-1",
        "scale=0",
        "scale=5",
    ] {
        for (extension, content_type) in FORMATS {
            let response = server.stranger().get(&format!("/badge/last-seen{extension}?{query}")).await;
            assert_eq!((response.status, response.header("content-type")), (400, content_type), "{query}");
            assert_eq!(response.header("cache-control"), "no-store");
            let name = query.split('=').next().unwrap_or_default();
            assert!(
                extension == ".png" || response.body.contains(&format!("{name}: ")),
                "{query}: {response}"
            );
        }
    }
    assert_snapshot!(
        server.stranger().get("/badge/last-seen.json?scale=x").await.body,
        @r#"{"schemaVersion":1,"label":"last online","message":"scale: not from 1 to 4","color":"lightgrey","isError":true}"#
    );
}

#[tokio::test]
async fn a_device_that_does_not_exist_is_404_for_any_id() {
    let (server, _database) = with_beats().await;
    for id in ["2", "-1", "laptop", "99999999999999999999", "0x1", "%00"] {
        let response = server.stranger().get(&format!("/badge/last-seen.json?device={id}")).await;
        assert_eq!(
            (response.status, &response.json()["message"]),
            (404, &Value::from("no such device")),
            "{id}"
        );
    }
}

#[tokio::test]
async fn other_methods_are_answered_with_405() {
    let (server, _database) = Server::fresh().await;
    for name in NAMES {
        let response = server.stranger().post(&format!("/badge/{name}"), "").await;
        assert_eq!((response.status, response.header("allow")), (405, "GET,HEAD"));
        let head = server.stranger().send(Method::HEAD, &format!("/badge/{name}"), Vec::new()).await;
        assert_eq!((head.status, head.body.as_str()), (200, ""));
    }
}

#[tokio::test]
async fn a_client_with_the_current_image_gets_304() {
    let (server, _database) = with_beats().await;
    let base = format!("http://127.0.0.1:{}", server.port());
    let http = http().build().expect("a client");
    for (extension, _) in FORMATS {
        let path = format!("/badge/total-beats{extension}?cacheSeconds=300");
        let first = server.stranger().get(&path).await;
        assert_eq!(first.header("cache-control"), "max-age=300");
        for condition in
            [first.header("etag").to_owned(), format!("\"x\", W/{}", first.header("etag")), "*".into()]
        {
            let request = http.get(format!("{base}{path}")).header("if-none-match", &condition);
            let response = request.send().await.expect("a response");
            assert_eq!(response.status(), 304, "{condition}");
            assert_eq!(response.headers()["etag"], first.header("etag"));
            assert_eq!(response.headers()["cache-control"], "max-age=300");
            assert_eq!(response.bytes().await.expect("no body").len(), 0);
        }
        let other = http.get(format!("{base}{path}")).header("if-none-match", "\"x\"");
        assert_eq!(other.send().await.expect("a response").status(), 200);
    }
}

#[tokio::test]
async fn without_a_database_it_says_so_and_nothing_else() {
    let nowhere = Database::reserve();
    let server = ServerBuilder::on(&nowhere).start_listening().await;
    for name in NAMES {
        for (extension, content_type) in FORMATS {
            let response = server.stranger().get(&format!("/badge/{name}{extension}")).await;
            assert_eq!((response.status, response.header("content-type")), (503, content_type));
            assert_eq!((response.header("cache-control"), response.header("retry-after")), ("no-store", "5"));
            if extension != ".png" {
                assert!(response.body.contains("unavailable"), "{response}");
            }
            let large =
                server.stranger().get(&format!("/badge/{name}.png?style=for-the-badge&scale=2")).await;
            assert_eq!((large.status, png_size(&large.bytes).1), (503, 56));
        }
    }
}

#[tokio::test]
async fn names_are_text_in_every_format() {
    let (server, _database) = Server::fresh().await;
    server.device("<img src=x onerror=alert(1)>\"'&").await;
    for (style, _) in STYLES {
        let svg = server.stranger().get(&format!("/badge/last-seen.svg?device=0&style={style}")).await;
        let body = svg.body.to_lowercase();
        assert!(!body.contains("<img") && body.contains("&lt;img src=x onerror=alert(1)&gt;"), "{svg}");
        let png = server.stranger().get(&format!("/badge/last-seen.png?device=0&style={style}")).await;
        assert!(png_size(&png.bytes).0 > 250);
    }
    let json = server.stranger().get("/badge/total-beats.json?device=0").await;
    assert_eq!(json.json()["label"], "<img src=x onerror=alert(1)>\"'& total beats");
}

#[tokio::test]
async fn badges_cost_the_database_one_read_a_second_at_most_and_no_write() {
    let started = Instant::now();
    let (server, database) = with_beats().await;
    // Every write leaves its transaction id (xmin) in the rows that it wrote.
    let writers = "SELECT (SELECT sum(xmin::text::bigint) FROM heartbeat.devices)::bigint
                   + (SELECT sum(xmin::text::bigint) FROM heartbeat.stats)::bigint";
    let before = database.number(writers).await;
    for number in 0..500 {
        let format = FORMATS[number % 4].0;
        assert_eq!(server.stranger().get(&format!("/badge/last-seen{format}")).await.status, 200);
    }
    let seconds = i64::try_from(started.elapsed().as_secs()).expect("not that long") + 1;
    assert_eq!(database.number(writers).await, before);
    // A connection reports its statistics when it closes, if not before.
    drop(server);
    let others = "SELECT count(*) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    eventually("the end of all connections", async || database.number(others).await == 0).await;
    let reads =
        "SELECT seq_scan FROM pg_stat_user_tables WHERE schemaname = 'heartbeat' AND relname = 'stats'";
    let reads = database.number(reads).await;
    assert!((1..20 + 2 * seconds).contains(&reads), "{reads} reads in {seconds} s");
}
