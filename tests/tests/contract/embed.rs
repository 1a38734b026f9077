//! `GET /embed.js`

use heartbeat_tests::{Server, client::http};
use reqwest::Method;

/// Size of the script as pages of other sites load it: four kilobytes.
const MAX_BYTES: usize = 4_000;

#[tokio::test]
async fn pages_of_other_sites_may_load_the_script_and_keep_it_for_an_hour() {
    let (server, _database) = Server::fresh().await;
    for method in [Method::GET, Method::HEAD] {
        let script = server.stranger().send(method, "/embed.js", Vec::new()).await;
        assert_eq!(script.status, 200);
        for (name, value) in [
            ("content-type", "text/javascript; charset=utf-8"),
            ("cache-control", "public, max-age=3600"),
            ("access-control-allow-origin", "*"),
            ("cross-origin-resource-policy", "cross-origin"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(script.header(name), value, "{name}");
        }
    }
}

#[tokio::test]
async fn it_is_compressed_to_less_than_four_kilobytes_and_revalidated() {
    let (server, _database) = Server::fresh().await;
    let url = format!("http://127.0.0.1:{}/embed.js", server.port());
    let http = http().build().expect("a client");
    let mut tags = Vec::new();
    for (accepted, encoding) in [("gzip, deflate, br, zstd", "gzip"), ("identity", "")] {
        let response = http.get(&url).header("accept-encoding", accepted).send().await.expect("a response");
        let header =
            |name: &str| response.headers().get(name).map_or("", |it| it.to_str().expect("text")).to_owned();
        assert_eq!(
            (header("content-encoding").as_str(), header("vary").as_str()),
            (encoding, "accept-encoding")
        );
        let tag = header("etag");
        let length = response.bytes().await.expect("a body").len();
        assert_eq!(length < MAX_BYTES, !encoding.is_empty(), "{accepted}: {length} bytes");
        let known = http.get(&url).header("accept-encoding", accepted).header("if-none-match", &tag);
        let known = known.send().await.expect("a response");
        assert_eq!(
            (known.status().as_u16(), known.headers()["cache-control"].as_bytes()),
            (304, &b"public, max-age=3600"[..])
        );
        tags.push(tag);
    }
    assert_ne!(tags[0], tags[1], "each encoding has its own");
}
