//! `GET /assets/{file}`, `GET /favicon.ico`

use heartbeat_tests::{Server, client::http};

/// The addresses of what a page loads.
fn addresses(page: &str) -> Vec<String> {
    let quoted = page.split('"').filter(|text| text.starts_with("/assets/"));
    quoted.map(str::to_owned).collect()
}

#[tokio::test]
async fn what_a_page_loads_is_there_and_may_be_kept_for_ever() {
    let (server, _database) = Server::fresh().await;
    let addresses = addresses(&server.stranger().get("/").await.body);
    assert!(addresses.len() >= 5, "{addresses:?}");
    for address in addresses {
        let answer = server.stranger().get(&address).await;
        assert_eq!(answer.status, 200, "{address}");
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable", "{address}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn without_its_version_an_asset_is_asked_for_again() {
    let (server, _database) = Server::fresh().await;
    for query in ["", "?v=", "?v=0123456789abcdef", "?w=1"] {
        let answer = server.stranger().get(&format!("/assets/heartbeat.css{query}")).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-cache"), "{query}");
    }
    for path in ["/assets/", "/assets/nothing.css", "/assets/..%2f..%2fCargo.toml", "/assets/a/b"] {
        assert_eq!(server.stranger().get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn assets_come_compressed_to_those_who_take_it_so() {
    let (server, _database) = Server::fresh().await;
    let url = format!("http://127.0.0.1:{}/assets/heartbeat.js", server.port());
    let http = http().build().expect("a client");
    let mut tags = Vec::new();
    for (accepted, encoding) in [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1.0, br;q=0", "gzip"),
        ("GZIP", "gzip"),
        ("identity", ""),
        ("", ""),
    ] {
        let answer = http.get(&url).header("accept-encoding", accepted).send().await.expect("an answer");
        let header =
            |name: &str| answer.headers().get(name).map_or("", |it| it.to_str().expect("text")).to_owned();
        assert_eq!(
            (header("content-encoding").as_str(), header("vary").as_str()),
            (encoding, "accept-encoding")
        );
        let tag = header("etag");
        let length = answer.bytes().await.expect("a body").len();
        assert_eq!(length < 6_000, !encoding.is_empty(), "{accepted}: {length} bytes");
        let known = http.get(&url).header("accept-encoding", accepted).header("if-none-match", &tag);
        assert_eq!(known.send().await.expect("an answer").status(), 304);
        tags.push(tag);
    }
    tags.dedup();
    assert_eq!(tags.len(), 3, "{tags:?}");
}

#[tokio::test]
async fn programs_that_read_no_page_find_the_icon() {
    let (server, _database) = Server::fresh().await;
    let icon = server.stranger().get("/favicon.ico").await;
    assert_eq!((icon.status, icon.header("content-type")), (200, "image/png"));
}
