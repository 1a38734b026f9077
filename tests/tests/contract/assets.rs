//! `GET /assets/{file}`, `GET /favicon.ico`

use heartbeat_tests::{Server, client::http};

/// URLs of the assets that a page loads.
fn asset_urls(page: &str) -> Vec<String> {
    let quoted = page.split('"').filter(|text| text.starts_with("/assets/"));
    quoted.map(str::to_owned).collect()
}

#[tokio::test]
async fn assets_of_a_page_exist_and_may_be_cached_for_ever() {
    let (server, _database) = Server::fresh().await;
    let urls = asset_urls(&server.stranger().get("/").await.body);
    assert!(urls.len() >= 5, "{urls:?}");
    for url in urls {
        let response = server.stranger().get(&url).await;
        assert_eq!(response.status, 200, "{url}");
        assert_eq!(response.header("cache-control"), "public, max-age=31536000, immutable", "{url}");
        assert_eq!(response.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn without_its_version_an_asset_is_revalidated() {
    let (server, _database) = Server::fresh().await;
    for query in ["", "?v=", "?v=0123456789abcdef", "?w=1"] {
        let response = server.stranger().get(&format!("/assets/heartbeat.css{query}")).await;
        assert_eq!((response.status, response.header("cache-control")), (200, "no-cache"), "{query}");
    }
    for path in
        ["/assets/", "/assets/nothing.css", "/assets/..%2f..%2fCargo.toml", "/assets/a/b", "/assets/%ff"]
    {
        let response = server.stranger().get(path).await;
        let content_type = response.header("content-type");
        assert_eq!((response.status, content_type), (404, "text/html; charset=utf-8"), "{path}");
    }
}

#[tokio::test]
async fn assets_are_compressed_as_accept_encoding_allows() {
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
        let response = http.get(&url).header("accept-encoding", accepted).send().await.expect("a response");
        let header =
            |name: &str| response.headers().get(name).map_or("", |it| it.to_str().expect("text")).to_owned();
        assert_eq!(
            (header("content-encoding").as_str(), header("vary").as_str()),
            (encoding, "accept-encoding")
        );
        let tag = header("etag");
        let length = response.bytes().await.expect("a body").len();
        assert_eq!(length < 9_000, !encoding.is_empty(), "{accepted}: {length} bytes");
        let known = http.get(&url).header("accept-encoding", accepted).header("if-none-match", &tag);
        assert_eq!(known.send().await.expect("a response").status(), 304);
        tags.push(tag);
    }
    tags.dedup();
    assert_eq!(tags.len(), 3, "{tags:?}");
}

#[tokio::test]
async fn the_icon_is_at_its_conventional_path() {
    let (server, _database) = Server::fresh().await;
    let icon = server.stranger().get("/favicon.ico").await;
    assert_eq!((icon.status, icon.header("content-type")), (200, "image/png"));
}
