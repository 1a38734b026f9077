//! Pages stay small: they are compressed, and show a bounded number of devices.

use std::io::Read;

use flate2::read::GzDecoder;
use heartbeat_tests::{Server, client::http, eventually};
use reqwest::Method;

use crate::pages::PAGES;

/// Asks for a page in an encoding; returns its `Content-Encoding`, its `Content-Length`, and its body.
async fn page_in(server: &Server, method: Method, path: &str, accepted: &str) -> (String, usize, Vec<u8>) {
    let request = http().build().expect("a client").request(method, server.url() + path);
    let response = request.header("accept-encoding", accepted).send().await.expect("a response");
    let header =
        |name: &str| response.headers().get(name).map_or("", |it| it.to_str().expect("text")).to_owned();
    assert_eq!((response.status().as_u16(), header("vary").as_str()), (200, "accept-encoding"), "{path}");
    let (encoding, length) =
        (header("content-encoding"), header("content-length").parse().expect("a length"));
    (encoding, length, response.bytes().await.expect("a body").into())
}

fn decoded(gzip: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(gzip).read_to_string(&mut text).expect("a page in gzip");
    text
}

#[tokio::test]
async fn compressed_and_plain_pages_are_the_same() {
    let (server, database) = Server::fresh().await;
    server.device("Laptop").await.beat().await;
    // Both forms of a page are of one second, in which they are equal.
    let without_figures = |page: &str| page.split(|c: char| c.is_ascii_digit()).collect::<String>();
    for (number, path) in PAGES.into_iter().cycle().take(2 * PAGES.len()).enumerate() {
        if number == PAGES.len() {
            database
                .execute("UPDATE heartbeat.devices SET last_beat = now() - interval '3 d', num_beats = 99")
                .await;
        }
        let (encoding, length, plain) = page_in(&server, Method::GET, path, "br, gzip;q=0").await;
        assert_eq!((encoding.as_str(), length), ("", plain.len()), "{path}");
        let (encoding, length, gzip) = page_in(&server, Method::GET, path, "gzip, deflate, br, zstd").await;
        assert_eq!((encoding.as_str(), length), ("gzip", gzip.len()), "{path}");
        assert!(2 * gzip.len() < plain.len(), "{path}: {} of {} bytes", gzip.len(), plain.len());
        let plain = String::from_utf8(plain).expect("text");
        assert_eq!(without_figures(&decoded(&gzip)), without_figures(&plain), "{path}");
        let (encoding, length, body) = page_in(&server, Method::HEAD, path, "gzip").await;
        assert_eq!((encoding.as_str(), body.len()), ("gzip", 0), "{path}");
        assert!(length.abs_diff(gzip.len()) < 50, "{path}: {length} and {}", gzip.len());
    }
}

#[tokio::test]
async fn each_view_of_the_statistics_is_in_them_in_every_encoding() {
    let (server, database) = Server::fresh().await;
    database.execute("UPDATE heartbeat.stats SET total_visits = 1233").await;
    eventually("the changed row", async || server.stranger().stats().await["num_visits"] == 1_233).await;
    for (visits, accepted) in [("1,234", "gzip"), ("1,235", "identity"), ("1,236", "gzip"), ("1,237", "gzip")]
    {
        let (encoding, _, body) = page_in(&server, Method::GET, "/stats", accepted).await;
        let page = if encoding.is_empty() { String::from_utf8(body).expect("text") } else { decoded(&body) };
        assert!(page.contains(&format!("data-number=\"num_visits\">{visits}<")), "{visits}: {page}");
        let plain = visits.replace(',', "");
        assert!(page.contains(&format!("&#34;num_visits&#34;:{plain},")), "{visits}: {page}");
    }
    assert_eq!(server.stranger().stats().await["num_visits"], 1_237);
}

#[tokio::test]
async fn a_page_of_many_devices_holds_the_first_hundred() {
    let (server, database) = Server::fresh().await;
    database
        .execute(
            "INSERT INTO heartbeat.devices (id, name, token_hash, num_beats, last_beat)
             SELECT id, 'Device ' || id, sha256(id::text::bytea), 1, now() - interval '1 min' * (10000 - id)
             FROM generate_series(0, 9999) AS id",
        )
        .await;
    eventually("the devices", async || server.stranger().stats().await["total_beats"] == 10_000).await;
    let page = server.stranger().get("/").await.body;
    assert_eq!(page.matches("<li id=\"device-").count(), 100);
    assert_eq!(page.matches("<a href=\"#device-").count(), 100);
    // Those that are shown, and the one with the last beat, whose name is in the heading.
    assert_eq!(page.matches("&#34;num_beats&#34;").count(), 101);
    assert!(page.contains(", on <bdi>Device 9999</bdi>"), "{page}");
    assert!(
        page.contains("The first 100 of <span data-number=\"num_devices\">10,000</span> devices."),
        "{page}"
    );
    assert!(page.len() < 120_000, "{} bytes", page.len());
    // A year of days, and a choice of a hundred devices.
    let statistics = server.stranger().get("/stats").await.body;
    assert!(
        statistics.contains("data-number=\"num_devices\">10,000<") && statistics.len() < 60_000,
        "{statistics}"
    );
}
