//! The links in notifications: `/ok/{code}`, `/reached/{code}`, `/confirm/{code}`, `/unsubscribe/{code}`.

use heartbeat_core::{
    link::{Link, LinkAction},
    token::{Purpose, SecretKey},
};
use heartbeat_tests::{Client, Database, Response, Server, server::SECRET_KEY};
use reqwest::Method;
use serde_json::json;

use crate::manage::browser;

/// An owner's channel with id 1, a friend's with id 2, and an alert that has told both of an absence that goes on.
const TOLD: &str = "
    INSERT INTO heartbeat.channels (name, kind, audience, settings, events) VALUES
        ('Phone', 'discord', 'owner', '{\"url\": \"http://127.0.0.1:9/a\"}', '{}'),
        ('Anna', 'discord', 'friend', '{\"url\": \"http://127.0.0.1:9/b\"}', '{}');
    INSERT INTO heartbeat.alerts (name, after_seconds, channels) VALUES ('After 48 hours', 172800, '{1,2}');
    INSERT INTO heartbeat.alert_firings (alert, name, since) VALUES (1, 'After 48 hours', now() - interval '49 h');
    INSERT INTO heartbeat.alert_notifications (firing, channel, kind, event) VALUES (1, 1, 'fired', 1), (1, 2, 'fired', 2);
";

/// A server whose alert has fired.
async fn told() -> (Server, Database) {
    let (server, database) = Server::fresh().await;
    database.execute(TOLD).await;
    (server, database)
}

/// Path of a link that was signed with a key.
fn signed(key: &str, action: LinkAction, firing: i64, channel: i64) -> String {
    let key = SecretKey::parse(key).expect("a key").derive(Purpose::Link);
    format!("/{}/{}", action.path(), Link { action, firing, channel, address_version: 0 }.code(&key))
}

fn path(action: LinkAction, firing: i64, channel: i64) -> String {
    signed(SECRET_KEY, action, firing, channel)
}

/// One link of each kind.
fn all() -> [String; 4] {
    use LinkAction::{Confirm, Ok, Reached, Unsubscribe};
    [path(Ok, 1, 1), path(Reached, 1, 2), path(Confirm, 0, 2), path(Unsubscribe, 0, 2)]
}

/// All that links can change.
async fn state(database: &Database) -> i64 {
    let sql = "
        SELECT hashtext(concat(
            (SELECT string_agg(it::text, ',' ORDER BY it) FROM heartbeat.owner AS it),
            (SELECT string_agg(it::text, ',' ORDER BY id) FROM heartbeat.channels AS it),
            (SELECT string_agg(concat(id, ended_at, reached_at, reached_by), ',' ORDER BY id) FROM heartbeat.alert_firings),
            (SELECT string_agg(channel, ',' ORDER BY channel) FROM heartbeat.disabled_channels WHERE reason = 'unsubscribed')
        ))::bigint";
    database.number(sql).await
}

fn heading(page: &Response) -> String {
    let heading =
        page.body.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next()).unwrap_or_default();
    heading.replace("<bdi>", "").replace("</bdi>", "")
}

#[tokio::test]
async fn a_view_changes_nothing_whoever_makes_it() {
    let (server, database) = told().await;
    let before = state(&database).await;
    for path in all() {
        for headers in [
            &[][..],
            &[("sec-purpose", "prefetch"), ("sec-fetch-site", "cross-site")],
            &[("user-agent", "Slackbot-LinkExpanding 1.0")],
        ] {
            let browser = browser(&server, headers);
            for method in [Method::GET, Method::HEAD] {
                let page = browser.send(method, &path, Vec::new()).await;
                assert_eq!(page.status, 200, "{path}: {page}");
            }
        }
    }
    assert_eq!(state(&database).await, before);
    assert_eq!(server.stranger().stats().await["num_visits"], 0);
}

#[tokio::test]
async fn its_pages_are_kept_nowhere_show_no_preview_and_set_no_cookie() {
    let (server, _database) = told().await;
    for path in all() {
        for method in [Method::GET, Method::POST] {
            let page = server.stranger().send(method.clone(), &path, Vec::new()).await;
            for (name, value) in [
                ("cache-control", "no-store"),
                ("referrer-policy", "no-referrer"),
                ("x-frame-options", "DENY"),
                ("x-content-type-options", "nosniff"),
                ("cross-origin-resource-policy", "same-origin"),
                ("access-control-allow-origin", ""),
                ("set-cookie", ""),
                ("location", ""),
            ] {
                assert_eq!(page.header(name), value, "{method} {path}: {name}");
            }
            assert!(page.body.contains("<meta name=\"robots\" content=\"noindex\">"), "{page}");
            assert!(!page.body.contains("og:") && !page.body.contains("rel=\"canonical\""), "{page}");
            // Messages are forwarded: others are not to learn what the owner calls things.
            assert!(!page.body.contains("Anna") && !page.body.contains("After 48 hours"), "{page}");
        }
    }
}

#[tokio::test]
async fn the_owner_is_well_once_and_knows_it_when_it_is_repeated() {
    let (server, database) = told().await;
    let link = path(LinkAction::Ok, 1, 1);
    assert_eq!(
        heading(&server.stranger().get(&link).await),
        "Are you well? Some person&#39;s heartbeat wants to know"
    );
    let ok_at = "SELECT count(*) FROM heartbeat.owner WHERE ok_at IS NOT NULL";
    assert_eq!(database.number(ok_at).await, 0);
    for _ in 0..2 {
        let page = server.stranger().post(&link, "").await;
        assert_eq!(
            (page.status, &*heading(&page)),
            (200, "Some person&#39;s heartbeat has noted that you are well")
        );
    }
    assert_eq!(database.number(ok_at).await, 1);
    database.execute("UPDATE heartbeat.alert_firings SET ended_at = now(), ended_by = 'ok'").await;
    for method in [Method::GET, Method::POST] {
        let page = server.stranger().send(method, &link, Vec::new()).await;
        assert_eq!((page.status, &*heading(&page)), (200, "Some person&#39;s heartbeat knows already"));
        assert!(!page.body.contains("<form"), "{page}");
    }
}

#[tokio::test]
async fn a_friend_has_reached_them_once() {
    let (server, database) = told().await;
    let link = path(LinkAction::Reached, 1, 2);
    let page = server.stranger().get(&link).await;
    assert_eq!(heading(&page), "Have you reached the person behind Some person&#39;s heartbeat?");
    for _ in 0..2 {
        let page = server.stranger().post(&link, "").await;
        assert_eq!((page.status, &*heading(&page)), (200, "Thank you from Some person&#39;s heartbeat"));
    }
    assert_eq!(database.number("SELECT reached_by FROM heartbeat.alert_firings").await, 2);
    assert!(!server.stranger().get(&link).await.body.contains("<form"));
    // Twelve hours later, there are repetitions again, and they may say so once more.
    database
        .execute("UPDATE heartbeat.alert_firings SET reached_at = now() - interval '13 h', reached_by = 1")
        .await;
    assert!(server.stranger().get(&link).await.body.contains("<form"));
    server.stranger().post(&link, "").await;
    let reached = "SELECT reached_by FROM heartbeat.alert_firings WHERE reached_at > now() - interval '1 h'";
    assert_eq!(database.number(reached).await, 2);
    // A link of another channel, which was not told, does nothing.
    let page = server.stranger().post(&path(LinkAction::Reached, 1, 3), "").await;
    assert_eq!(heading(&page), "Some person&#39;s heartbeat knows already");
}

#[tokio::test]
async fn a_friend_confirms_and_the_first_time_counts() {
    let (server, database) = told().await;
    let link = path(LinkAction::Confirm, 0, 2);
    let confirmed_at = "SELECT extract(epoch FROM confirmed_at)::bigint FROM heartbeat.channels WHERE id = 2";
    server.stranger().post(&link, "").await;
    let first = database.number(confirmed_at).await;
    database.execute("UPDATE heartbeat.channels SET confirmed_at = confirmed_at - interval '1 h'").await;
    let page = server.stranger().post(&link, "").await;
    assert_eq!(heading(&page), "Thank you from Some person&#39;s heartbeat");
    assert_eq!(database.number(confirmed_at).await, first - 3_600);
    let deleted = server.stranger().post(&path(LinkAction::Confirm, 0, 7), "").await;
    assert_eq!((deleted.status, &*heading(&deleted)), (200, "Some person&#39;s heartbeat sends you nothing"));
}

#[tokio::test]
async fn with_another_address_a_channel_is_to_be_confirmed_again_and_its_old_links_are_void() {
    let (server, database) = told().await;
    let change = async |body: serde_json::Value| {
        let path = "/api/channels/2";
        let response = server.owner().send(Method::PATCH, path, body.to_string().into()).await;
        assert_eq!(response.status, 200, "{response}");
        response.json()
    };
    server.stranger().post(&path(LinkAction::Confirm, 0, 2), "").await;
    let renamed = change(json!({ "name": "Anna H", "settings": { "url": "http://127.0.0.1:9/b" } })).await;
    assert!(renamed["confirmed_at"].is_string(), "{renamed}");
    let asked =
        "SELECT count(*) FROM heartbeat.outbox WHERE channel = 'channel:2' AND kind = 'channel.confirm'";
    assert_eq!(database.number(asked).await, 0);

    for path in ["c", "d"] {
        let moved = change(json!({ "settings": { "url": format!("http://127.0.0.1:9/{path}") } })).await;
        assert_eq!((&moved["confirmed_at"], &moved["audience"]), (&json!(null), &json!("friend")), "{moved}");
        assert_eq!(database.number(asked).await, 1);
    }
    let before = state(&database).await;
    for (link, title) in [
        (path(LinkAction::Confirm, 0, 2), "Some person&#39;s heartbeat sends you nothing"),
        (path(LinkAction::Unsubscribe, 0, 2), "Some person&#39;s heartbeat sends you nothing"),
        (path(LinkAction::Reached, 1, 2), "Some person&#39;s heartbeat knows already"),
    ] {
        for method in [Method::GET, Method::POST] {
            let page = server.stranger().send(method, &link, Vec::new()).await;
            assert_eq!((page.status, &*heading(&page)), (200, title), "{link}");
        }
    }
    assert_eq!(state(&database).await, before);
    // The new reader does not know yet of the absence that goes on.
    let known =
        "SELECT count(*) FROM heartbeat.alert_notifications WHERE channel = 2 AND withdrawn_at IS NULL";
    assert_eq!(database.number(known).await, 0);
}

#[tokio::test]
async fn a_reader_who_wants_no_more_gets_none_until_the_channel_is_changed_or_enabled() {
    let (server, database) = told().await;
    let disabled = "SELECT count(*) FROM heartbeat.disabled_channels";
    let same = json!({ "name": "Ann", "events": [], "settings": { "url": "http://127.0.0.1:9/b" } });
    let other = json!({ "settings": { "url": "http://127.0.0.1:9/c" } });
    for (change, enables) in [(same, false), (json!({ "state": "active" }), true), (other, true)] {
        server.stranger().post(&path(LinkAction::Unsubscribe, 0, 2), "").await;
        let answer = server.owner().send(Method::PATCH, "/api/channels/2", change.to_string().into()).await;
        assert_eq!(answer.status, 200, "{answer}");
        assert_eq!(database.number(disabled).await, i64::from(!enables), "{change}");
    }
}

/// RFC 8058: a mail program posts from another origin, without cookies, and follows no redirect.
#[tokio::test]
async fn one_click_disables_the_channel_and_tells_the_owner_by_the_others() {
    let (server, database) = told().await;
    let link = path(LinkAction::Unsubscribe, 0, 2);
    let program = browser(
        &server,
        &[
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", "https://mail.example"),
            ("sec-fetch-site", "cross-site"),
        ],
    );
    for _ in 0..3 {
        let page = program.post(&link, "List-Unsubscribe=One-Click").await;
        assert_eq!((page.status, page.header("location")), (200, ""), "{page}");
        assert_eq!(heading(&page), "Some person&#39;s heartbeat sends you no more messages");
    }
    let disabled = "SELECT count(*) FROM heartbeat.disabled_channels WHERE channel = 'channel:2'
                    AND reason = 'unsubscribed' AND octet_length(settings_hash) = 32";
    assert_eq!(database.number(disabled).await, 1);
    let told = "SELECT count(*) FROM heartbeat.outbox WHERE channel = 'channel:1' AND kind = 'channel.failing'
                AND payload @> '{\"channel\": 2, \"name\": \"Anna\", \"reason\": \"unsubscribed\", \"disabled\": true}'";
    assert_eq!(database.number(told).await, 1);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.outbox WHERE channel = 'channel:2'").await, 0);
    assert!(!program.get(&link).await.body.contains("<form"));
}

#[tokio::test]
async fn a_link_of_a_test_does_nothing_and_says_so() {
    let (server, database) = told().await;
    let before = state(&database).await;
    for link in [path(LinkAction::Ok, 0, 1), path(LinkAction::Reached, 0, 2)] {
        for method in [Method::GET, Method::POST] {
            let page = server.stranger().send(method, &link, Vec::new()).await;
            assert_eq!(heading(&page), "Some person&#39;s heartbeat has sent you a test", "{link}");
        }
    }
    assert_eq!(state(&database).await, before);
}

#[tokio::test]
async fn codes_that_are_not_ours_are_unknown_and_after_some_refused_while_ours_act() {
    let (server, database) = told().await;
    let before = state(&database).await;
    let ok = path(LinkAction::Ok, 1, 1);
    let wrong = [
        signed("another key", LinkAction::Ok, 1, 1),
        ok.replace("/ok/", "/reached/"),
        ok[..ok.len() - 1].to_owned(),
        format!("{ok}A"),
        "/ok/%ff".to_owned(),
        "/confirm/x".to_owned(),
    ];
    for link in &wrong {
        for method in [Method::GET, Method::POST] {
            let page = server.stranger().send(method, link, Vec::new()).await;
            assert_eq!(page.status, 404, "{link}: {page}");
            assert_eq!(page.header("cache-control"), "no-store", "{page}");
        }
    }
    let stranger = server.stranger();
    let statuses = async |client: &Client, link: &str| client.post(link, "").await.status;
    while statuses(&stranger, &wrong[0]).await == 404 {}
    let page = stranger.get(&wrong[0]).await;
    assert_eq!(page.status, 429, "{page}");
    assert!(!page.header("retry-after").is_empty(), "{page}");
    // Signing in is not slowed down by that: any page could do it to its visitors.
    assert_eq!(server.owner().get("/api/devices").await.status, 200);
    assert_eq!(state(&database).await, before);
    assert_eq!(statuses(&stranger, &ok).await, 200);
    assert_ne!(state(&database).await, before);
}
