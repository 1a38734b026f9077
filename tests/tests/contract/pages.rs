//! Rules for all pages: `/`, `/stats`, `/badges`, `/privacy`, `/pair`, and the error page.

use heartbeat_tests::{Database, Server, ServerBuilder};
use insta::assert_snapshot;

pub(crate) const PAGES: [&str; 5] = ["/", "/stats", "/badges", "/privacy", "/pair"];

const NAME: &str = "<img src=x onerror=alert(1)>\"'&";

#[tokio::test]
async fn names_are_shown_as_text_everywhere() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).environment("HEARTBEAT_SERVER_NAME", NAME).start().await;
    server.device(NAME).await.beat().await;
    for path in PAGES.into_iter().chain(["/badges?device=0&label=<img src=x>&style=\"><img>&badge=<img>"]) {
        let page = server.stranger().get(path).await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"), "{path}");
        assert!(page.body.contains("img src=x onerror=alert(1)&#62;"), "{path}: {}", page.body);
        let images = page.body.matches("<img ").count();
        assert_eq!(images, usize::from(path.starts_with("/badges")), "{path}: {}", page.body);
    }
}

#[tokio::test]
async fn every_page_carries_the_name_of_the_server() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).environment("HEARTBEAT_SERVER_NAME", "Ada lives").start().await;
    for path in PAGES {
        let page = server.stranger().get(path).await.body;
        let inside = |tag: &str| page.split(&format!("<{tag}>")).nth(1)?.split(&format!("</{tag}>")).next();
        for tag in ["title", "h1"] {
            assert!(inside(tag).is_some_and(|text| text.contains("Ada lives")), "{path}: {page}");
        }
    }
}

#[tokio::test]
async fn pages_have_strict_security_headers() {
    let (server, _database) = Server::fresh().await;
    for path in PAGES.into_iter().chain(["/nothing"]) {
        let page = server.stranger().get(path).await;
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("x-frame-options"), "DENY");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        // A token may be shown there.
        let caching = if path == "/pair" { "no-store" } else { "no-cache" };
        assert_eq!(page.header("cache-control"), caching, "{path}");
        for inline in ["<style", " style=", "<script>", " onload=", "javascript:", "http-equiv"] {
            assert!(!page.body.contains(inline), "{path} holds {inline}");
        }
    }
}

#[tokio::test]
async fn the_content_security_policy_allows_the_url_of_the_stream() {
    let database = Database::create().await;
    for (variable, value, origin) in [
        ("HEARTBEAT_LIVE_URL", "https://beat.example.org", "connect-src 'self' wss://beat.example.org"),
        (
            "HEARTBEAT_WS_URL",
            "wss://stream.example.org:8443/live",
            "connect-src 'self' wss://stream.example.org:8443",
        ),
    ] {
        let server = ServerBuilder::on(&database).environment(variable, value).start().await;
        let page = server.stranger().get("/").await;
        assert!(page.header("content-security-policy").ends_with(origin), "{page}");
    }
}

#[tokio::test]
async fn pages_have_open_graph_tags() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database)
        .environment("HEARTBEAT_LIVE_URL", "https://beat.example.org/")
        .environment("HEARTBEAT_SERVER_NAME", "Ada lives")
        .start()
        .await;
    let page = server.stranger().get("/stats").await.body;
    let tags = page.lines().map(str::trim).filter(|line| line.contains("og:") || line.contains("twitter:"));
    assert_snapshot!(tags.collect::<Vec<_>>().join("\n"), @r#"
    <meta property="og:type" content="website">
    <meta property="og:url" content="https://beat.example.org/stats">
    <meta property="og:title" content="Statistics · Ada lives">
    <meta property="og:description" content="No heartbeat yet.">
    <meta property="og:image" content="https://beat.example.org/og.png">
    <meta property="og:image:type" content="image/png">
    <meta property="og:image:width" content="1200">
    <meta property="og:image:height" content="630">
    <meta property="og:image:alt" content="Ada lives. No heartbeat yet.">
    <meta name="twitter:card" content="summary_large_image">
    "#);
}

#[tokio::test]
async fn only_views_of_pages_count_as_visits() {
    let (server, _database) = Server::fresh().await;
    let stranger = server.stranger();
    for path in PAGES {
        stranger.get(path).await;
    }
    for path in
        ["/api/stats", "/badge/last-seen", "/og.png", "/assets/heartbeat.css", "/favicon.ico", "/nothing"]
    {
        stranger.get(path).await;
    }
    assert_eq!(stranger.stats().await["num_visits"], 4);
    assert!(stranger.get("/stats").await.body.contains("data-number=\"num_visits\">5<"));
}

#[tokio::test]
async fn without_a_script_the_pages_are_complete() {
    let (server, database) = Server::fresh().await;
    let empty = server.stranger().get("/").await.body;
    assert!(empty.contains("No heartbeat yet") && empty.contains("curl http://127.0.0.1:6060/api/devices"));
    server.device("Laptop").await.beat().await;
    server.device("Phone").await;
    database
        .execute(
            "UPDATE heartbeat.devices SET last_beat = '2023-11-02 09:48:40Z', num_beats = 36308 WHERE id = 0;
             UPDATE heartbeat.stats SET longest_absence = '84898 seconds'",
        )
        .await;
    heartbeat_tests::eventually("stats of the changed rows", async || {
        server.stranger().stats().await["total_beats"] == 36_308
    })
    .await;
    let page = server.stranger().get("/").await.body;
    for text in ["2 November 2023, 09:48:40 UTC", "datetime=\"2023-11-02T09:48:40Z\"", "36,308", "never"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(page.contains("data-recency=\"lost\""), "{page}");
    // No point in time is called never.
    assert!(!page.contains("never</time>"), "{page}");
    assert!(
        page.contains("<p class=\"lost\">After 48 hours without a beat, something is probably wrong."),
        "{page}"
    );
}

#[tokio::test]
async fn the_words_about_48_hours_are_hidden_until_then() {
    let (server, _database) = Server::fresh().await;
    let is_hidden = async || server.stranger().get("/").await.body.contains("<p class=\"lost\" hidden>");
    assert!(is_hidden().await, "on an empty page");
    server.device("Laptop").await.beat().await;
    assert!(is_hidden().await, "after a beat");
}

#[tokio::test]
async fn one_beat_is_not_counted_as_beats_and_no_second_ago_is_just_now() {
    let (server, _database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    laptop.beat().await;
    let page = server.stranger().get("/").await.body;
    assert!(page.contains("1 beat so far.") && page.contains("1 beat · 100.0%"), "{page}");
    assert!(page.contains("<span class=\"verdict\">Here now</span>"), "{page}");
    assert!(page.contains(", on <bdi>Laptop</bdi>"), "{page}");
    // Unless a second has passed since.
    assert!(page.contains("<b>just</b> now<") || page.contains("<b>1</b> sec<"), "{page}");
}

#[tokio::test]
async fn ages_of_one_beat_are_the_same_in_the_hero_and_in_the_list() {
    let (server, database) = Server::fresh().await;
    server.device("Laptop").await.beat().await;
    // In all fractions of a second, a few of which differed by one.
    for tenths in 0..10 {
        database
            .execute(&format!(
                "UPDATE heartbeat.devices SET num_beats = {}, last_beat = date_trunc('second', now()) - interval '30 s' + interval '{tenths}00 ms'",
                tenths + 2
            ))
            .await;
        heartbeat_tests::eventually("the changed row", async || {
            server.stranger().stats().await["total_beats"] == tenths + 2
        })
        .await;
        let page = server.stranger().get("/").await.body;
        let between = |start: &str, end: &str| {
            page.split(start).nth(1).and_then(|rest| rest.split(end).next()).unwrap_or_default().to_owned()
        };
        let hero = between("<span class=\"part\"><b>", "</b>");
        let row = between("<span class=\"seen\"><time", "</time>");
        assert!(row.ends_with(&format!(">{hero} seconds ago")), "{hero} and {row}");
    }
}

#[tokio::test]
async fn error_pages_have_the_navigation_and_the_name_of_the_server() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).environment("HEARTBEAT_SERVER_NAME", NAME).start().await;
    for (method, path, status) in
        [("GET", "/nothing", 404), ("PUT", "/stats", 405), ("GET", "/assets/nothing", 404)]
    {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let page = server.stranger().send(method, path, Vec::new()).await;
        assert_eq!((page.status, page.header("refresh")), (status, ""), "{path}");
        assert_eq!(page.header("allow"), if status == 405 { "GET,HEAD" } else { "" });
        assert!(page.body.contains("<a href=\"/stats\">Statistics</a>"), "{page}");
        assert!(
            page.body.contains("img src=x onerror=alert(1)&#62;") && !page.body.contains("<img "),
            "{page}"
        );
        assert!(page.body.contains("noindex") && !page.body.contains("canonical"), "{page}");
    }
    let head = server.stranger().send(reqwest::Method::HEAD, "/nothing", Vec::new()).await;
    assert_eq!((head.status, head.body.as_str()), (404, ""));
}

#[tokio::test]
async fn while_the_database_is_away_pages_ask_for_it_again_by_themselves() {
    let server = ServerBuilder::on(&Database::reserve()).start_listening().await;
    for path in ["/", "/stats"] {
        let page = server.stranger().get(path).await;
        assert_eq!(
            (page.status, page.header("retry-after"), page.header("refresh")),
            (503, "5", "5"),
            "{path}"
        );
        assert!(page.body.contains("tries again by itself every 5 seconds"), "{page}");
        assert!(page.body.contains("<a href=\"/stats\">Statistics</a>"), "{page}");
    }
}
