//! Signing in and out, and what a session is worth.

use heartbeat_tests::{Database, Server, ServerBuilder, server::SECRET_KEY};
use reqwest::Method;

use super::{browser, cookie, form, owner, sign_in};

/// What shows that the owner is signed in.
const SIGNED_IN: &str = "value=\"sign-out\"";

#[tokio::test]
async fn the_key_gives_a_cookie_that_no_script_and_no_other_site_can_use() {
    let (server, _database) = Server::fresh().await;
    let answer = sign_in(&server, SECRET_KEY).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/manage"));
    assert_eq!(answer.header("cache-control"), "no-store");
    let set = answer.header("set-cookie");
    let (name, attributes) = (set.split('=').next(), set.split_once("; ").expect("attributes").1);
    assert_eq!(name, Some("heartbeat_session"), "{set}");
    assert_eq!(attributes, "Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict");
    // Blanks around a key that was pasted do not matter.
    assert_eq!(sign_in(&server, &format!(" {SECRET_KEY}\n")).await.status, 303);
}

#[tokio::test]
async fn cookies_of_others_on_this_host_do_no_harm() {
    let (server, _database) = Server::fresh().await;
    let session = cookie(&sign_in(&server, SECRET_KEY).await);
    // Of other programs, and of another way of access, which a neighboring domain could set.
    for other in ["nick=Jörg", "__Host-heartbeat=1.2.3", "a; =; b=\"c"] {
        let cookies = format!("{other}; {session}");
        let owner = browser(&server, &[("cookie", &cookies)]);
        assert!(owner.get("/manage").await.body.contains(SIGNED_IN), "{other}");
        assert_eq!(owner.get("/api/devices").await.status, 200, "{other}");
    }
    for _ in 0..30 {
        let image = browser(&server, &[("cookie", "__Host-heartbeat=1.2.3")]).get("/api/devices").await;
        assert_eq!(image.status, 401);
    }
    assert_eq!(server.owner().get("/api/devices").await.status, 200, "none of them was a guess");
}

#[tokio::test]
async fn behind_https_the_cookie_is_secure_and_bound_to_the_host() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database)
        .environment("HEARTBEAT_LIVE_URL", "https://beat.example.org")
        .start()
        .await;
    let answer = sign_in(&server, SECRET_KEY).await;
    let set = answer.header("set-cookie");
    assert!(set.starts_with("__Host-heartbeat="), "{set}");
    assert!(set.ends_with("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict; Secure"), "{set}");
    let owner = browser(&server, &[("cookie", &cookie(&answer))]);
    assert!(owner.get("/manage").await.body.contains(SIGNED_IN));
    // The other name, which other hosts could set, counts for nothing.
    let renamed = cookie(&answer).replace("__Host-heartbeat", "heartbeat_session");
    assert!(!browser(&server, &[("cookie", &renamed)]).get("/manage").await.body.contains(SIGNED_IN));
}

#[tokio::test]
async fn over_plain_http_from_elsewhere_signing_in_is_refused_and_the_page_says_why() {
    let (server, _database) = Server::fresh().await;
    let signed_in = cookie(&sign_in(&server, SECRET_KEY).await);
    for elsewhere in
        [("host", "192.0.2.7:6060"), ("host", "beat.example.org"), ("x-forwarded-for", "192.0.2.1")]
    {
        let stranger = browser(&server, &[elsewhere, ("sec-fetch-site", "same-origin")]);
        let page = stranger.get("/manage").await;
        assert_eq!(page.status, 200, "{elsewhere:?}");
        assert!(page.body.contains("everybody on the way could read the key"), "{page}");
        assert!(page.body.contains("live_url") && !page.body.contains("type=\"password\""), "{page}");
        let refused = stranger.post("/manage", form(&[("do", "sign-in"), ("key", SECRET_KEY)])).await;
        assert_eq!((refused.status, refused.header("set-cookie")), (403, ""), "{elsewhere:?}");
        // Nor is a session of another way of access.
        let owner = browser(&server, &[elsewhere, ("cookie", &signed_in)]);
        assert!(!owner.get("/manage").await.body.contains(SIGNED_IN), "{elsewhere:?}");
    }
}

#[tokio::test]
async fn around_the_proxy_that_ends_https_signing_in_is_refused_and_the_page_leads_back_to_it() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database)
        .environment("HEARTBEAT_LIVE_URL", "https://beat.example.org")
        .start()
        .await;
    let session = cookie(&sign_in(&server, SECRET_KEY).await);
    for (host, is_served) in
        [("192.168.1.7:6971", false), ("beat.example.org:6060", false), ("beat.example.org", true)]
    {
        let origin = format!("https://{host}");
        let browser = browser(&server, &[("host", host), ("origin", &origin), ("cookie", &session)]);
        let signed_in = browser.post("/manage", form(&[("do", "sign-in"), ("key", SECRET_KEY)])).await;
        assert_eq!(signed_in.status, if is_served { 303 } else { 403 }, "{host}: {signed_in}");
        assert_eq!(signed_in.header("set-cookie").is_empty(), !is_served, "{host}");
        let page = browser.get("/manage").await;
        assert_eq!(page.body.contains(SIGNED_IN), is_served, "{host}");
        let way_back = "<a href=\"https://beat.example.org/manage\">https://beat.example.org/manage</a>";
        assert_eq!(page.body.contains(way_back), !is_served, "{host}: {page}");
        assert!(!page.body.contains("type=\"password\""), "{host}: {page}");
    }
}

#[tokio::test]
async fn a_session_stands_for_the_key_at_the_api_and_a_wrong_key_is_not_made_good_by_it() {
    let (server, _database) = Server::fresh().await;
    let owner = owner(&server).await;
    assert_eq!(owner.post("/api/devices", r#"{"name": "Laptop"}"#).await.status, 200);
    assert_eq!(owner.authorized("wrong").post("/api/devices", r#"{"name": "Laptop"}"#).await.status, 401);
    // And the key stands for a session on the page.
    assert!(server.owner().get("/manage").await.body.contains(SIGNED_IN));
}

#[tokio::test]
async fn forged_cut_and_old_sessions_are_none() {
    let (server, _database) = Server::fresh().await;
    let session = cookie(&sign_in(&server, SECRET_KEY).await);
    let (name, value) = session.split_once('=').expect("a cookie");
    let parts: Vec<_> = value.split('.').collect();
    let [end, id, signature] = parts[..] else { panic!("{value}") };
    let longer = end.parse::<i64>().expect("a time") + 1;
    for forged in [
        String::new(),
        format!("{end}.{id}."),
        format!("{longer}.{id}.{signature}"),
        format!("{end}.{id}x.{signature}"),
        format!("{end}.{id}.{}", "A".repeat(43)),
        SECRET_KEY.to_owned(),
    ] {
        let forger = browser(&server, &[("cookie", &format!("{name}={forged}"))]);
        let page = forger.get("/manage").await;
        assert_eq!(page.status, 401, "{forged}: {page}");
        assert!(page.body.contains("Your session has ended") && !page.body.contains(SIGNED_IN), "{forged}");
        // The browser forgets what is of no use.
        assert!(page.header("set-cookie").starts_with(&format!("{name}=; Path=/; Max-Age=0;")), "{page}");
        assert_eq!(forger.post("/api/devices", r#"{"name": "Laptop"}"#).await.status, 401, "{forged}");
    }
}

#[tokio::test]
async fn a_new_key_ends_all_sessions() {
    let database = Database::create().await;
    let before = ServerBuilder::on(&database).start().await;
    let session = cookie(&sign_in(&before, SECRET_KEY).await);
    let after = ServerBuilder::on(&database).environment("HEARTBEAT_SECRET_KEY", "a new key").start().await;
    let browser = browser(&after, &[("cookie", &session), ("sec-fetch-site", "same-origin")]);
    assert_eq!(browser.get("/manage").await.status, 401);
    assert_eq!(browser.post("/api/devices", r#"{"name": "Laptop"}"#).await.status, 401);
    // The same key on another server of the same database: the session goes on.
    let beside = ServerBuilder::on(&database).start().await;
    assert!(super::browser(&beside, &[("cookie", &session)]).get("/manage").await.body.contains(SIGNED_IN));
}

#[tokio::test]
async fn wrong_keys_and_forged_sessions_use_up_the_same_attempts() {
    let (server, _database) = Server::fresh().await;
    let signed_in = owner(&server).await;
    for attempt in 0..10 {
        let wrong = sign_in(&server, "wrong").await;
        assert_eq!((wrong.status, wrong.header("set-cookie")), (401, ""), "{attempt}");
        assert!(wrong.body.contains("This is not the key of this server."), "{wrong}");
        let forged = browser(&server, &[("cookie", "heartbeat_session=9999999999.x.AAAA")]);
        assert_eq!(forged.get("/manage").await.status, 401, "{attempt}");
    }
    for _ in 0..5 {
        sign_in(&server, "wrong").await;
    }
    // Right or wrong, nothing is compared any more.
    let (right, wrong) = (sign_in(&server, SECRET_KEY).await, sign_in(&server, "wrong").await);
    for refused in [&right, &wrong, &signed_in.get("/manage").await] {
        assert_eq!((refused.status, refused.header("set-cookie")), (429, ""), "{refused}");
        assert_eq!(refused.header("content-type"), "text/html; charset=utf-8");
        assert!(!refused.header("retry-after").is_empty(), "{refused}");
    }
}

#[tokio::test]
async fn pages_without_a_session_lock_nobody_out() {
    let (server, _database) = Server::fresh().await;
    for _ in 0..30 {
        assert_eq!(server.stranger().get("/manage").await.status, 200);
        assert_eq!(browser(&server, &[]).post("/manage", "do=sign-out").await.status, 401);
        // A form on another site, which any page can have its visitors send.
        let other = browser(&server, &[("sec-fetch-site", "cross-site")]);
        assert_eq!(other.post("/manage", form(&[("do", "sign-in"), ("key", "wrong")])).await.status, 403);
    }
    assert_eq!(sign_in(&server, SECRET_KEY).await.status, 303);
}

#[tokio::test]
async fn signing_out_forgets_the_session() {
    let (server, _database) = Server::fresh().await;
    let answer = owner(&server).await.post("/manage", "do=sign-out").await;
    assert_eq!((answer.status, answer.header("location")), (303, "/manage"));
    assert!(answer.header("set-cookie").starts_with("heartbeat_session=; Path=/; Max-Age=0;"), "{answer}");
}

#[tokio::test]
async fn a_link_on_another_site_leads_on_to_the_page() {
    let (server, _database) = Server::fresh().await;
    let hint = "go on to your page";
    for (site, is_told) in
        [("cross-site", true), ("same-site", true), ("none", false), ("same-origin", false)]
    {
        let page = browser(&server, &[("sec-fetch-site", site)]).get("/manage").await;
        assert_eq!(page.body.contains(hint), is_told, "{site}");
    }
}

#[tokio::test]
async fn without_a_key_the_page_says_how_to_make_one() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).environment("HEARTBEAT_SECRET_KEY", "").start().await;
    for (method, body) in [(Method::GET, ""), (Method::POST, "do=sign-in&key=")] {
        let page = server.stranger().send(method, "/manage", body.into()).await;
        assert_eq!((page.status, page.header("set-cookie")), (404, ""), "{page}");
        for text in ["This server has no secret key yet", "heartbeat gen-key", "docker compose run"] {
            assert!(page.body.contains(text), "{text}: {page}");
        }
    }
}
