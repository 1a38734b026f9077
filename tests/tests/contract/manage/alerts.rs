//! The pages about channels and alerts.

use axum::{Router, http::StatusCode};
use heartbeat_tests::{Client, Database, Response, Server, ServerBuilder, server::SECRET_KEY};
use serde_json::json;
use tokio::net::TcpListener;

use super::{assert_is_private, browser, cookie, form, owner, sign_in};

/// A webhook that nothing listens at.
const WEBHOOK: &str = "https://hooks.example/a1b2c3";

/// Starts a webhook that takes everything. Returns its URL.
async fn willing_webhook() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let router = Router::new().fallback(async || StatusCode::NO_CONTENT);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://127.0.0.1:{port}/hook")
}

/// Adds a channel by its form. Returns what answers it.
async fn add_webhook(owner: &Client, name: &str, audience: &str, url: &str) -> Response {
    let fields = [("do", "save"), ("name", name), ("audience", audience), ("url", url)];
    owner.post("/manage/channels/new?kind=webhook", form(&fields)).await
}

/// The owner, with a channel of their own (id 1) and one of a friend (id 2).
async fn with_channels(server: &Server) -> Client {
    let owner = owner(server).await;
    let url = willing_webhook().await;
    for (name, audience) in [("Phone", "owner"), ("Anna", "friend")] {
        assert_eq!(add_webhook(&owner, name, audience, &url).await.status, 303);
    }
    owner
}

/// Text of a page without tags, in one line.
fn text(page: &Response) -> String {
    let main = page.body.split("<main").nth(1).unwrap_or_default();
    let untagged: String =
        main.split('<').map(|part| part.split_once('>').map_or("", |(_, text)| text)).collect();
    untagged.split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn rungs(database: &Database) -> String {
    let sql = "SELECT coalesce(string_agg(concat_ws(' ', name, after_seconds, channels, enabled), '; '
               ORDER BY after_seconds), '') FROM heartbeat.alerts";
    database.text(sql).await
}

#[tokio::test]
async fn every_page_is_the_owners_alone() {
    let (server, _database) = Server::fresh().await;
    let owner = with_channels(&server).await;
    owner.post("/manage/alerts", form(&[("do", "ladder"), ("channel", "1"), ("channel", "2")])).await;
    for path in [
        "/manage/alerts",
        "/manage/alerts/new",
        "/manage/alerts/1",
        "/manage/channels",
        "/manage/channels/1",
        "/manage/channels/new?kind=mail",
        "/manage/channels/new?kind=telegram",
    ] {
        let page = owner.get(path).await;
        assert_eq!(page.status, 200, "{path}: {page}");
        assert_is_private(&page, path);
        let stranger = server.stranger().get(path).await;
        assert!(
            stranger.body.contains("<h1>Sign in to") && !stranger.body.contains("Anna"),
            "{path}: {stranger}"
        );
    }
    assert_eq!(server.stranger().get("/manage/alerts/preview?after=48h").await.status, 401);
    for path in ["/manage/alerts/7", "/manage/alerts/x", "/manage/channels/7", "/manage/channels/new?kind=x"]
    {
        assert_eq!(owner.get(path).await.status, 404, "{path}");
    }
    assert_eq!(server.stranger().stats().await["num_visits"], 0);
}

#[tokio::test]
async fn the_secret_of_a_webhook_is_shown_once_and_others_never() {
    let (server, database) = Server::fresh().await;
    let signed_in = owner(&server).await;
    let added = add_webhook(&signed_in, "Program", "owner", WEBHOOK).await;
    assert_eq!((added.status, added.header("location")), (303, "/manage/channels/1?done=add-channel"));
    let set = added.header("set-cookie");
    assert!(set.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Strict"), "{set}");
    let session = cookie(&sign_in(&server, SECRET_KEY).await);
    let with_cookie = browser(
        &server,
        &[("sec-fetch-site", "same-origin"), ("cookie", &format!("{session}; {}", cookie(&added)))],
    );
    let stored = database.text("SELECT settings ->> 'secret' FROM heartbeat.channels").await;
    let first = with_cookie.get("/manage/channels/1").await;
    assert!(
        stored.starts_with("whsec_") && first.body.contains(&stored.replace('+', "&#43;"))
            || first.body.contains(&stored)
    );
    assert!(first.header("set-cookie").contains("Max-Age=0"), "{first}");
    let later = signed_in.get("/manage/channels/1").await;
    assert!(!later.body.contains("whsec_"), "{later}");
    assert!(!later.body.contains("a1b2c3") && later.body.contains("kept as it is"), "{later}");

    // What is left empty stays.
    let renamed =
        signed_in.post("/manage/channels/1", form(&[("do", "save"), ("name", "Renamed"), ("url", "")])).await;
    assert_eq!(renamed.status, 303, "{renamed}");
    assert_eq!(
        database.text("SELECT concat(name, settings ->> 'url') FROM heartbeat.channels").await,
        "Renamedhttps://hooks.example/a1b2c3"
    );

    // The old secret signs as well while the receiver learns the new one.
    let renewed = signed_in.post("/manage/channels/1", form(&[("do", "secret")])).await;
    assert_eq!((renewed.status, renewed.header("location")), (303, "/manage/channels/1?done=save-channel"));
    assert_eq!(database.text("SELECT settings ->> 'secret_previous' FROM heartbeat.channels").await, stored);
    assert_ne!(database.text("SELECT settings ->> 'secret' FROM heartbeat.channels").await, stored);
}

#[tokio::test]
async fn what_is_wrong_is_said_beside_what_was_typed_but_for_secrets() {
    let (server, database) = Server::fresh().await;
    let owner = with_channels(&server).await;
    let fields =
        [("do", "save"), ("name", "Ben"), ("url", "ftp://a1b2c3.example"), ("event", "device.added")];
    let refused = owner.post("/manage/channels/new?kind=discord", form(&fields)).await;
    assert_eq!(refused.status, 400, "{refused}");
    assert!(
        refused.body.contains("value=\"Ben\"") && refused.body.contains("value=\"device.added\" checked"),
        "{refused}"
    );
    assert!(refused.body.contains("url: expected a URL") && !refused.body.contains("a1b2c3"), "{refused}");
    let refused = owner
        .post(
            "/manage/alerts/new",
            form(&[("do", "save"), ("after", "5m"), ("message", "<b>"), ("channel", "2")]),
        )
        .await;
    assert_eq!(refused.status, 400, "{refused}");
    assert!(refused.body.contains("After: expected a duration of 10m to 366d"), "{refused}");
    assert!(
        refused.body.contains("value=\"5m\"") && refused.body.contains("&#60;b&#62;</textarea>"),
        "{refused}"
    );
    assert!(refused.body.contains("value=\"2\" checked"), "{refused}");
    let gone =
        owner.post("/manage/alerts/new", form(&[("do", "save"), ("after", "48h"), ("channel", "7")])).await;
    assert!(gone.status == 400 && gone.body.contains("was deleted meanwhile"), "{gone}");
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.alerts").await, 0);
}

#[tokio::test]
async fn the_ladder_is_offered_and_made_of_the_channels_that_there_are() {
    let (server, database) = Server::fresh().await;
    let signed_in = owner(&server).await;
    assert!(text(&signed_in.get("/manage/alerts").await).contains("First, a channel"));
    let owner = with_channels(&server).await;
    let offered = text(&owner.get("/manage/alerts").await);
    assert!(
        offered.contains("After 24 hours tell you, and again half an hour before your friends Phone"),
        "{offered}"
    );
    assert!(offered.contains("After 48 hours tell your friends Anna"), "{offered}");
    let nobody = owner.post("/manage/alerts", form(&[("do", "ladder")])).await;
    assert_eq!(nobody.status, 400, "{nobody}");
    let made =
        owner.post("/manage/alerts", form(&[("do", "ladder"), ("channel", "1"), ("channel", "2")])).await;
    assert_eq!((made.status, made.header("location")), (303, "/manage/alerts?done=ladder"));
    assert_eq!(
        rungs(&database).await,
        "After 24 hours 86400 {1} t; After 47 hours 30 minutes 171000 {1} t; After 48 hours 172800 {2} t"
    );
    let page = text(&owner.get("/manage/alerts?done=ladder").await);
    assert!(page.contains("Your alerts are armed. No heartbeat yet. After 24 hours tell Phone"), "{page}");
    assert!(!page.contains("A good ladder"), "{page}");
    // The overview has it, too, and strangers see nothing of it.
    let overview = text(&owner.get("/manage").await);
    assert!(
        overview.contains("If you fall silent No heartbeat yet. After 24 hours tell Phone"),
        "{overview}"
    );
    for path in ["/", "/stats", "/privacy"] {
        let page = server.stranger().get(path).await.body;
        assert!(!page.contains("Anna") && !page.contains("After 24 hours"), "{path}");
    }
}

#[tokio::test]
async fn an_alert_is_changed_tested_switched_and_deleted() {
    let (server, database) = Server::fresh().await;
    let owner = with_channels(&server).await;
    server.owner().register("Laptop").await;
    let fields = [
        ("after", "48h"),
        ("channel", "2"),
        ("repeat", "12h"),
        ("rest_from", "23:00"),
        ("rest_to", "07:00"),
        ("device", "0"),
    ];
    let saved = owner.post("/manage/alerts/new", form(&[&[("do", "save")][..], &fields].concat())).await;
    assert_eq!((saved.status, saved.header("location")), (303, "/manage/alerts?done=save-alert#alert-1"));
    assert!(text(&owner.get("/manage/alerts").await).contains("After 48 hours without Laptop tell Anna"));
    let stored = "SELECT concat_ws(' ', name, rest, repeat_seconds, device, channels) FROM heartbeat.alerts";
    assert_eq!(database.text(stored).await, "After 48 hours 23:00-07:00 43200 0 {2}");
    let page = owner.get("/manage/alerts/1").await;
    for shown in
        ["value=\"48h\"", "value=\"23:00\"", "value=\"07:00\"", "value=\"12h\"", "value=\"0\" selected"]
    {
        assert!(page.body.contains(shown), "{shown}: {page}");
    }
    let unused =
        form(&[("do", "save"), ("after", "36h"), ("name", "Sister"), ("channel", "1"), ("channel", "2")]);
    assert_eq!(owner.post("/manage/alerts/1", unused).await.status, 303);
    assert_eq!(database.text(stored).await, "Sister {1,2}");
    for (action, enabled) in [("disable", 0), ("enable", 1)] {
        assert_eq!(owner.post("/manage/alerts/1", form(&[("do", action)])).await.status, 303);
        assert_eq!(database.number("SELECT enabled::int::bigint FROM heartbeat.alerts").await, enabled);
    }
    let tested = owner.post("/manage/alerts/1", form(&[("do", "test")])).await;
    assert_eq!(tested.header("location"), "/manage/alerts?done=test-alert#alert-1");
    let deleted = owner.post("/manage/alerts/1", form(&[("do", "delete")])).await;
    assert_eq!(deleted.header("location"), "/manage/alerts?done=delete-alert");
    assert_eq!(rungs(&database).await, "");
}

#[tokio::test]
async fn a_view_changes_nothing_even_where_it_previews() {
    let (server, database) = Server::fresh().await;
    let owner = with_channels(&server).await;
    owner.post("/manage/alerts", form(&[("do", "ladder"), ("channel", "1")])).await;
    let before = rungs(&database).await;
    let typed = "do=preview&after=unusual&channel=2&message=Hello&rest_from=23%3A00&rest_to=07%3A00";
    for path in ["/manage/alerts/new", "/manage/alerts/1"] {
        let page = owner.get(&format!("{path}?{typed}")).await;
        assert_eq!(page.status, 200, "{page}");
        assert!(page.body.contains("value=\"unusual\"") && page.body.contains(">Hello</textarea>"), "{page}");
        assert!(page.body.contains("No heartbeats are known yet by which to tell."), "{page}");
        owner.get(&format!("{path}?do=delete")).await;
    }
    for (after, answer) in [
        ("48h", "No heartbeats are known yet by which to tell."),
        ("soon", "After: expected a duration of 10m to 366d, such as 36h, or the word unusual."),
    ] {
        let preview =
            owner.get(&format!("/manage/alerts/preview?after={after}&device=&rest_from=&rest_to=")).await;
        assert_eq!(preview.json(), json!({ "text": answer, "dates": [], "more": "" }));
    }
    assert_eq!(rungs(&database).await, before);
}

#[tokio::test]
async fn what_fails_comes_first_with_its_reason_and_can_be_mended() {
    let (server, database) = Server::fresh().await;
    let owner = with_channels(&server).await;
    owner.post("/manage/alerts", form(&[("do", "ladder"), ("channel", "1"), ("channel", "2")])).await;
    database
        .execute(
            "INSERT INTO heartbeat.disabled_channels (channel, settings_hash, reason, disabled_at)
             VALUES ('channel:2', '', 'status 404', '2025-11-24 14:24Z');
             INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload, dead_at)
             VALUES ('channel:2', 'test', now(), '{}', now())",
        )
        .await;
    let alerts = text(&owner.get("/manage/alerts").await);
    let failure = "Anna answered 404 24 November 2025 14:24; nothing was delivered since.";
    assert!(alerts.contains("Alerts that cannot tell everyone") && alerts.contains(failure), "{alerts}");
    let channels = text(&owner.get("/manage/channels").await);
    let (anna, phone) = (channels.find("Anna"), channels.find("Phone"));
    assert!(anna.is_some() && anna < phone, "{channels}");
    assert!(
        channels.contains("Refused everything for good 24 November 2025 14:24 (status 404)."),
        "{channels}"
    );
    let resent = owner.post("/manage/channels/2", form(&[("do", "resend")])).await;
    assert_eq!(resent.header("location"), "/manage/channels?done=resend#channel-2");
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.outbox WHERE dead_at IS NOT NULL").await, 0);
    let enabled = owner.post("/manage/channels/2", form(&[("do", "enable")])).await;
    assert_eq!(enabled.header("location"), "/manage/channels?done=enable-channel#channel-2");
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.disabled_channels").await, 0);
    let deleted = owner.post("/manage/channels/2", form(&[("do", "delete")])).await;
    assert_eq!(deleted.header("location"), "/manage/channels?done=delete-channel");
    assert!(text(&owner.get("/manage/alerts").await).contains("After 48 hours tell nobody"));
}

#[tokio::test]
async fn the_channel_of_the_configuration_is_shown_and_changed_there() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database)
        .environment("HEARTBEAT_WEBHOOK_URL", "http://127.0.0.1:9/hook")
        .start()
        .await;
    let owner = owner(&server).await;
    let page = owner.get("/manage/channels").await;
    assert!(page.body.contains("The configuration names it") && !page.body.contains("127.0.0.1:9"), "{page}");
    assert_eq!(owner.post("/manage/channels/0", form(&[("do", "save"), ("name", "x")])).await.status, 400);
    assert_eq!(owner.post("/manage/channels/0", form(&[("do", "delete")])).await.status, 400);
    assert_eq!(owner.post("/manage/alerts", form(&[("do", "ladder"), ("channel", "0")])).await.status, 303);
    assert_eq!(rungs(&database).await, "After 24 hours 86400 {0} t");
}
