//! `GET /heatmap.svg`, `GET /card.svg`

use heartbeat_tests::{Database, Server, ServerBuilder, client::http, eventually};

const FORMATS: [(&str, &str); 4] = [
    ("/heatmap.svg", "image/svg+xml"),
    ("/heatmap.png", "image/png"),
    ("/card.svg", "image/svg+xml"),
    ("/card.png", "image/png"),
];

/// Minutes with beats of two devices, the second of which is hidden, in the last days and long ago.
const BEATS: &str = "
    INSERT INTO heartbeat.devices (name, token_hash) VALUES ('Laptop', sha256('a')), ('Phone', sha256('b'));
    UPDATE heartbeat.devices SET visibility = 'hidden' WHERE name = 'Phone';
    INSERT INTO heartbeat.beats
        SELECT 0, date_trunc('day', now(), 'UTC') - interval '20 hours' + number * interval '1 minute' FROM generate_series(1, 200) AS number;
    INSERT INTO heartbeat.beats
        SELECT 0, timestamptz '2020-02-29T12:00Z' + number * interval '1 minute' FROM generate_series(1, 30) AS number;
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

/// Width and height in the header of a PNG (RFC 2083, section 4.1.1).
fn png_size(png: &[u8]) -> (u32, u32) {
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().expect("four bytes"));
    (number(16), number(20))
}

#[tokio::test]
async fn pictures_are_sent_like_badges() {
    let (server, _database) = server(&[]).await;
    for (path, content_type) in FORMATS {
        let response = server.stranger().get(path).await;
        assert_eq!((response.status, response.header("content-type")), (200, content_type), "{path}");
        assert_eq!(response.header("cache-control"), "no-cache, max-age=0, must-revalidate");
        assert_eq!(response.header("x-content-type-options"), "nosniff");
        assert!(response.header("content-security-policy").starts_with("default-src 'none'"));
        assert!(response.bytes.len() < 30_000, "{path}: {}", response.bytes.len());
        let kept = server.stranger().get(&format!("{path}?cacheSeconds=60")).await;
        assert_eq!(kept.header("cache-control"), "max-age=60");
    }
    let url = format!("http://127.0.0.1:{}/heatmap.svg", server.port());
    let http = http().build().expect("a client");
    let first = http.get(&url).send().await.expect("a response");
    let etag = first.headers()["etag"].clone();
    let second = http.get(&url).header("if-none-match", etag).send().await.expect("a response");
    assert_eq!(second.status(), 304);
    assert_eq!(png_size(&server.stranger().get("/card.png").await.bytes), (495, 195));
    assert_eq!(png_size(&server.stranger().get("/heatmap.png?width=1496").await.bytes), (1496, 360));
}

#[tokio::test]
async fn parameters_change_the_picture() {
    let (server, _database) = server(&[]).await;
    let get = async |path: &str| {
        let response = server.stranger().get(path).await;
        assert_eq!(response.status, 200, "{path}: {response}");
        response.body
    };
    let heatmap = get("/heatmap.svg").await;
    assert!(heatmap.contains(">3 hours in use in the last year<"), "{heatmap}");
    assert!(heatmap.contains(r#"class="s3""#) && !heatmap.contains("prefers-color-scheme"), "{heatmap}");
    for query in [
        "theme=dark",
        "theme=auto",
        "color=rebeccapurple",
        "bg=transparent",
        "bg=%23123",
        "hide_border=true",
        "width=1000",
        "label=x",
        "label=",
        "week_start=sunday",
        "year=2020",
        "device=0",
    ] {
        assert_ne!(get(&format!("/heatmap.svg?{query}")).await, heatmap, "{query}");
    }
    for query in [
        "",
        "theme=light",
        "hide=beats",
        "theme=",
        "year=",
        "unknown=x",
        "week_start=monday",
        "hide_border=false",
    ] {
        assert_eq!(get(&format!("/heatmap.svg?{query}")).await, heatmap, "{query}");
    }
    assert!(get("/heatmap.svg?theme=auto").await.contains("prefers-color-scheme:dark"));
    assert!(get("/heatmap.svg?year=2020").await.contains(">30 minutes in use in 2020<"));
    assert!(get("/heatmap.svg?device=0").await.contains(">Laptop: 3 hours in use in the last year<"));
    let card = get("/card.svg?device=0").await;
    assert!(
        card.contains(">Laptop<") && card.contains(">230<") && !card.contains("Longest absence"),
        "{card}"
    );
    let card = get("/card.svg").await;
    for (part, text) in [
        ("name", "Some person's heartbeat"),
        ("last-seen", ">Last seen "),
        ("timeline", ">Last 7 days<"),
        ("beats", ">Beats<"),
        ("longest-absence", ">Longest absence<"),
    ] {
        assert!(card.contains(text), "{part}: {card}");
        assert!(!get(&format!("/card.svg?hide={part}")).await.contains(text), "{part}");
    }
    let nothing = get("/card.svg?hide=name,last-seen,timeline,beats,longest-absence").await;
    assert!(!nothing.contains("<text"), "{nothing}");
}

#[tokio::test]
async fn invalid_values_are_refused_with_a_badge_that_names_them() {
    let (server, _database) = server(&[]).await;
    for (query, message) in [
        ("theme=purple", "theme: not light, dark or auto"),
        ("color=notacolor", "color: not a color"),
        ("color=%22%2F%3E%3Cscript%3E", "color: not a color"),
        ("bg=url(%23a)", "bg: not a color"),
        ("hide_border=maybe", "hide_border: neither true nor false"),
        ("width=99", "width: not from 100 to 2000"),
        ("width=2001", "width: not from 100 to 2000"),
        ("width=1e3", "width: not from 100 to 2000"),
        ("week_start=friday", "week_start: neither monday nor sunday"),
        ("year=1969", "year: not from 1970 to 20"),
        ("year=9999", "year: not from 1970 to 20"),
        ("year=x", "year: not a year such as 2026"),
        ("cacheSeconds=-1", "cacheSeconds: not from 0 to 86400"),
    ] {
        let response = server.stranger().get(&format!("/heatmap.svg?{query}")).await;
        assert_eq!((response.status, response.header("content-type")), (400, "image/svg+xml"), "{query}");
        assert_eq!(response.header("cache-control"), "no-store");
        assert!(response.body.contains(message), "{query}: {}", response.body);
    }
    let response = server.stranger().get("/card.svg?hide=name,everything").await;
    assert!(response.status == 400 && response.body.contains("hide: not name"), "{response}");
    for (path, _) in FORMATS {
        for device in ["1", "7", "x", "-1", "99999999999999999999"] {
            let response = server.stranger().get(&format!("{path}?device={device}")).await;
            assert_eq!(response.status, 404, "{path} {device}");
            assert!(!response.body.contains("Phone"), "{response}");
        }
    }
    assert_eq!(server.stranger().get("/card.png?width=5000").await.header("content-type"), "image/png");
}

#[tokio::test]
async fn titles_are_text() {
    let (server, _database) = server(&[]).await;
    let label = "%3Cimg+src%3Dx+onerror%3Dalert(1)%3E%22'%26%00%E2%80%AE";
    for path in ["/heatmap.svg", "/card.svg"] {
        let body = server.stranger().get(&format!("{path}?label={label}")).await.body;
        assert!(body.contains("&lt;img src=x onerror=alert(1)&gt;&quot;'&amp;<"), "{body}");
        assert!(!body.contains("<img") && !body.contains(['\u{0}', '\u{202e}']), "{body}");
    }
}

#[tokio::test]
async fn the_owner_says_how_much_they_show() {
    for (history, heatmap, timeline) in
        [("off", 403, ""), ("owner", 403, ""), ("day", 200, ">Last 7 days<"), ("full", 200, ">Today<")]
    {
        let (server, _database) = server(&["--history", history, "--precision", "exact"]).await;
        // Even the owner's own README is fetched by a stranger.
        for client in [server.stranger(), server.owner()] {
            let response = client.get("/heatmap.svg").await;
            assert_eq!(response.status, heatmap, "{history}");
            assert_eq!(response.body.contains("history is not public"), heatmap == 403, "{history}");
            let card = client.get("/card.svg").await;
            assert_eq!(card.status, 200, "{history}");
            assert!(card.body.contains(">Last seen ") && card.body.contains(">Longest absence<"), "{card}");
            for text in [">Last 7 days<", ">Today<"] {
                assert_eq!(card.body.contains(text), text == timeline, "{history}: {card}");
            }
        }
    }
}

#[tokio::test]
async fn between_boundaries_pictures_follow_the_settings() {
    let (server, database) = server(&["--precision", "week"]).await;
    let card = async || server.stranger().get("/card.svg").await.body;
    let heatmap = async || server.stranger().get("/heatmap.svg").await.status;
    assert!(card().await.contains(">Last 7 days<"));
    assert_eq!(heatmap().await, 200);
    database.execute("INSERT INTO heartbeat.settings (name, value) VALUES ('history', 'off')").await;
    eventually("a heatmap that nobody sees", async || heatmap().await == 403).await;
    eventually("a card without the days", async || !card().await.contains(">Last 7 days<")).await;
}

#[tokio::test]
async fn a_card_shows_times_of_the_day_in_the_steps_of_the_precision() {
    let (fresh, database) = Server::fresh().await;
    drop(fresh);
    database.execute(BEATS).await;
    let start = async |later: &str| {
        let change = format!("UPDATE heartbeat.beats SET time_stamp = time_stamp + interval '{later}'");
        database.execute(&change).await;
        // As the migration leaves it.
        database
            .execute(
                "TRUNCATE heartbeat.presence, heartbeat.absences, heartbeat.device_absences, heartbeat.rolled_devices;
                 UPDATE heartbeat.roll_up SET rolled_until = '-infinity'",
            )
            .await;
        let arguments = ["--precision", "day", "--history", "full"];
        let server = ServerBuilder::on(&database);
        let mut server = arguments.into_iter().fold(server, ServerBuilder::argument).start().await;
        let rolled =
            "SELECT count(*) FROM heartbeat.roll_up WHERE rolled_until > now() - interval '2 minutes'";
        eventually("everything rolled up", async || database.number(rolled).await == 1).await;
        let card = server.stranger().get("/card.svg").await.body;
        server.stop().await;
        card
    };
    // Yesterday from 4:01 to 7:21.
    let first = start("0").await;
    assert!(first.contains("3 hr 20 min"), "{first}");
    assert_eq!(start("35 minutes").await, first, "from 4:36 to 7:56 is in the same hours");
    assert_ne!(start("1 hour").await, first);
}

#[tokio::test]
async fn pictures_tell_beats_no_sooner_than_the_precision_allows() {
    let (server, _database) = server(&["--precision", "week", "--history", "full"]).await;
    let paths = ["/heatmap.svg", "/card.svg", "/heatmap.svg?device=0", "/card.svg?device=0"];
    let all = async || {
        let mut bodies = Vec::new();
        for path in paths {
            bodies.push(server.stranger().get(path).await.body);
        }
        bodies
    };
    let before = all().await;
    let (_, token) = server.owner().register("Tablet").await;
    server.stranger().authorized(&token).beat().await;
    let presence = async || server.owner().get("/api/history").await.json()["rows"].as_array().map(Vec::len);
    let rows = presence().await;
    eventually("the beat in what the owner sees", async || presence().await >= rows && rows.is_some()).await;
    assert_eq!(all().await, before);
}

#[tokio::test]
async fn a_beat_is_in_the_pictures_within_seconds() {
    let (server, _database) = server(&["--precision", "exact"]).await;
    let (_, token) = server.owner().register("Tablet").await;
    let before = server.stranger().get("/heatmap.svg").await.body;
    server.stranger().authorized(&token).beat().await;
    assert!(server.stranger().get("/card.svg").await.body.contains(">Here now<"));
    eventually("another square", async || server.stranger().get("/heatmap.svg").await.body != before).await;
}

#[tokio::test]
async fn without_a_database_a_badge_says_so() {
    let nowhere = Database::reserve();
    let server = ServerBuilder::on(&nowhere).start_listening().await;
    for (path, content_type) in FORMATS {
        let response = server.stranger().get(path).await;
        let headers = (response.header("content-type"), response.header("retry-after"));
        assert_eq!((response.status, headers), (503, (content_type, "5")), "{path}");
    }
}
