//! Requests that a page of another site makes the browser of the owner send.

use heartbeat_tests::{Server, server::SECRET_KEY};
use reqwest::Method;

use super::{browser, cookie, form, sign_in};

/// Headers that tell where a request comes from, and whether it is from our own page. The port stands for `PORT`.
const SENDERS: [(&[(&str, &str)], bool); 12] = [
    (&[("sec-fetch-site", "same-origin")], true),
    (&[("sec-fetch-site", "same-origin"), ("origin", "null")], true),
    (&[("origin", "http://127.0.0.1:PORT")], true),
    (&[("origin", "http://127.0.0.1:6060")], true),
    (&[("sec-fetch-site", "cross-site")], false),
    (&[("sec-fetch-site", "same-site")], false),
    (&[("sec-fetch-site", "none")], false),
    (&[("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:PORT")], false),
    (&[("origin", "null")], false),
    (&[("origin", "https://evil.example")], false),
    (&[("origin", "http://127.0.0.1:1")], false),
    (&[], false),
];

/// Requests that change something.
pub(super) fn changes() -> Vec<(Method, String, String)> {
    let post = |path: &str, fields: &[(&str, &str)]| (Method::POST, path.to_owned(), form(fields));
    vec![
        post("/manage", &[("do", "sign-out")]),
        post("/manage", &[("do", "sign-in"), ("key", SECRET_KEY)]),
        post("/manage", &[("do", "add"), ("name", "Forged")]),
        post("/manage", &[("do", "snooze"), ("length", "1")]),
        post("/manage", &[("do", "end-snooze")]),
        post("/manage", &[("do", "ok")]),
        post("/manage", &[("do", "settings"), ("precision", "week")]),
        post("/manage/devices/0", &[("do", "rename"), ("name", "Forged")]),
        post("/manage/devices/0", &[("do", "pair")]),
        post("/manage/devices/0", &[("do", "token")]),
        post("/manage/devices/0", &[("do", "hide")]),
        post("/manage/devices/0", &[("do", "show")]),
        post("/manage/devices/0", &[("do", "no-sign-of-life")]),
        post("/manage/devices/0", &[("do", "sign-of-life")]),
        post("/manage/devices/0", &[("do", "archive")]),
        post("/manage/devices/0", &[("do", "unarchive")]),
        post(
            "/manage/channels/new?kind=discord",
            &[("do", "save"), ("name", "Forged"), ("url", "http://127.0.0.1:9/")],
        ),
        post("/manage/channels/1", &[("do", "save"), ("name", "Forged")]),
        post("/manage/channels/1", &[("do", "test")]),
        post("/manage/alerts", &[("do", "ladder"), ("channel", "1")]),
        post("/manage/alerts/new", &[("do", "save"), ("after", "48h")]),
        post("/manage/alerts/1", &[("do", "disable")]),
        (Method::PATCH, "/api/devices/0".to_owned(), r#"{"name": "Forged"}"#.to_owned()),
        (Method::POST, "/api/devices/0/pairing".to_owned(), String::new()),
        (Method::DELETE, "/api/snooze".to_owned(), String::new()),
        (Method::POST, "/api/ok".to_owned(), String::new()),
        (Method::POST, "/api/devices".to_owned(), r#"{"name": "Forged"}"#.to_owned()),
        (Method::POST, "/api/devices/0/token/generate".to_owned(), String::new()),
        (Method::DELETE, "/api/devices/0/editor-key".to_owned(), String::new()),
    ]
}

#[tokio::test]
async fn with_a_session_only_our_own_pages_change_anything() {
    let (server, database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let session = cookie(&sign_in(&server, SECRET_KEY).await);
    let port = server.port().to_string();
    let state = "SELECT hashtext(concat(
            (SELECT string_agg(it::text, ',' ORDER BY id) FROM heartbeat.devices AS it),
            (SELECT string_agg(it::text, ',' ORDER BY id) FROM heartbeat.channels AS it),
            (SELECT string_agg(it::text, ',' ORDER BY id) FROM heartbeat.alerts AS it)
        ))::bigint";
    for (headers, is_ours) in SENDERS {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (*name, value.replace("PORT", &port))).collect();
        let mut sent: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        sent.push(("cookie", &session));
        let browser = browser(&server, &sent);
        for (method, path, body) in changes() {
            let before = database.number(state).await;
            let answer = browser.send(method.clone(), &path, body.clone().into()).await;
            if is_ours {
                assert!([200, 201, 204, 303].contains(&answer.status), "{headers:?} {path} {body}: {answer}");
            } else {
                assert_eq!(answer.status, 403, "{headers:?} {path} {body}: {answer}");
                assert_eq!(answer.header("set-cookie"), "", "{headers:?} {path} {body}");
                assert_eq!(database.number(state).await, before, "{headers:?} {path} {body}");
            }
        }
        // Reading changes nothing, and what is read is not for other sites.
        let page = browser.get("/manage").await;
        assert_eq!((page.status, page.header("access-control-allow-origin")), (200, ""), "{headers:?}");
    }
    // Two each for those that are ours, and the first one.
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.devices").await, 9);
    let erase = browser(&server, &[("sec-fetch-site", "cross-site"), ("cookie", &session)]);
    assert_eq!(erase.post("/manage/devices/0", "do=erase").await.status, 403);
    assert_eq!(erase.send(Method::DELETE, "/api/devices/0", Vec::new()).await.status, 403);
}

#[tokio::test]
async fn who_sends_the_key_itself_needs_no_origin() {
    let (server, _database) = Server::fresh().await;
    let with_key = browser(&server, &[("sec-fetch-site", "cross-site")]).authorized(SECRET_KEY);
    assert_eq!(with_key.post("/api/devices", r#"{"name": "Laptop"}"#).await.status, 200);
}

#[tokio::test]
async fn no_other_site_uses_up_the_attempts_at_pairing_codes() {
    let (server, _database) = Server::fresh().await;
    let code = r#"{"code": "BCDF-GHJK"}"#;
    for (headers, is_ours) in SENDERS {
        // A URL opened by hand comes from no page, and programs say nothing.
        if headers.iter().any(|(_, value)| value.contains("PORT")) || headers.is_empty() {
            continue;
        }
        let expected = if is_ours || headers == [("sec-fetch-site", "none")] { 404 } else { 403 };
        assert_eq!(browser(&server, headers).post("/api/pair", code).await.status, expected, "{headers:?}");
    }
    assert_eq!(server.stranger().post("/api/pair", code).await.status, 404);
}

#[tokio::test]
async fn no_other_site_is_told_that_it_may_ask() {
    let (server, _database) = Server::fresh().await;
    let other = browser(
        &server,
        &[
            ("origin", "https://evil.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-type"),
        ],
    );
    for path in ["/manage", "/api/devices"] {
        let answer = other.send(Method::OPTIONS, path, Vec::new()).await;
        let told = answer.headers.keys().any(|name| name.as_str().starts_with("access-control-"));
        assert!(answer.status == 405 && !told, "{path}: {answer}");
    }
}
