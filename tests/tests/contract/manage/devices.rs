//! The forms about devices and settings, and the page on which a device is connected.

use heartbeat_tests::{Client, Database, Response, Server, ServerBuilder, server::SECRET_KEY};
use serde_json::{Value, json};

use super::{assert_is_private, browser, cookie, form, owner, sign_in};

/// Keeps pairing codes from being made.
const NO_PAIRINGS: &str = "
    CREATE FUNCTION heartbeat.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON heartbeat.pairings FOR EACH ROW EXECUTE FUNCTION heartbeat.refuse();
";

/// A browser that signed in, and has another cookie as well.
async fn owner_with(server: &Server, other: &str) -> Client {
    let session = cookie(&sign_in(server, SECRET_KEY).await);
    browser(server, &[("sec-fetch-site", "same-origin"), ("cookie", &format!("{session}; {other}"))])
}

/// Text between the tags of the element with this id.
fn element<'a>(page: &'a Response, id: &str) -> Option<&'a str> {
    page.body.split(&format!("id=\"{id}\">")).nth(1)?.split('<').next()
}

async fn device(server: &Server, id: i64) -> Value {
    server.owner().get(&format!("/api/devices/{id}")).await.json()
}

async fn progress(browser: &Client, id: i64) -> Value {
    browser.get(&format!("/manage/devices/{id}/pairing")).await.json()
}

#[tokio::test]
async fn a_device_that_was_added_leads_to_a_page_with_its_token_once_and_its_code() {
    let (server, _database) = Server::fresh().await;
    let added = owner(&server).await.post("/manage", form(&[("do", "add"), ("name", " Phone ")])).await;
    assert_eq!((added.status, added.header("location")), (303, "/manage/devices/0"));
    let set = added.header("set-cookie");
    assert!(set.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Strict"), "{set}");

    let first = owner_with(&server, &cookie(&added)).await.get("/manage/devices/0").await;
    assert_is_private(&first, "the page with the token");
    let token = element(&first, "token").expect("a token").to_owned();
    let code = element(&first, "code").expect("a code").to_owned();
    assert!(token.starts_with("hbt_") && code.len() == 9, "{first}");
    assert!(first.body.contains("<svg class=\"qr\"") && !first.body.contains(SECRET_KEY), "{first}");

    // The answer took the token out of the cookie.
    assert!(!cookie(&first).contains(&token), "{}", cookie(&first));
    let again = owner_with(&server, &cookie(&first)).await;
    let second = again.get("/manage/devices/0").await;
    assert!(element(&second, "code") == Some(&code) && !second.body.contains(&token), "{second}");
    assert!(second.body.contains("The token was shown once."), "{second}");
    // Without the cookie, and for another device, there is nothing to show.
    server.owner().register("Laptop").await;
    for page in [owner(&server).await.get("/manage/devices/0").await, again.get("/manage/devices/1").await] {
        assert!(page.status == 200 && !page.body.contains(&code) && !page.body.contains(&token), "{page}");
    }
    server.stranger().authorized(&token).beat().await;
}

#[tokio::test]
async fn a_device_is_handed_over_with_its_token_even_if_no_code_can_be_made() {
    let (server, database) = Server::fresh().await;
    database.execute(NO_PAIRINGS).await;
    let added = owner(&server).await.post("/manage", form(&[("do", "add"), ("name", "Phone")])).await;
    assert_eq!((added.status, added.header("location")), (303, "/manage/devices/0"), "{added}");
    let owner = owner_with(&server, &cookie(&added)).await;
    let page = owner.get("/manage/devices/0").await;
    assert!(page.body.contains("Make a pairing code") && element(&page, "code").is_none(), "{page}");
    server.stranger().authorized(element(&page, "token").expect("a token")).beat().await;
    assert_eq!(progress(&owner, 0).await["state"], "arrived");
}

#[tokio::test]
async fn a_beat_with_the_old_token_is_not_the_first_one_with_the_new_one() {
    let (server, _database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    // Both within one second, more likely than not.
    for _ in 0..3 {
        laptop.beat().await;
    }
    let replaced = owner(&server).await.post("/manage/devices/0", "do=token").await;
    let owner = owner_with(&server, &cookie(&replaced)).await;
    assert_eq!(progress(&owner, 0).await["state"], "token");
    let token = element(&owner.get("/manage/devices/0").await, "token").expect("a token").to_owned();
    server.stranger().authorized(&token).beat().await;
    assert_eq!(progress(&owner, 0).await["state"], "arrived");
}

#[tokio::test]
async fn the_page_follows_a_device_to_its_first_beat() {
    let (server, database) = Server::fresh().await;
    let added = owner(&server).await.post("/manage", form(&[("do", "add"), ("name", "Phone")])).await;
    let owner = owner_with(&server, &cookie(&added)).await;
    let code = element(&owner.get("/manage/devices/0").await, "code").expect("a code").to_owned();
    assert_eq!(
        progress(&owner, 0).await,
        json!({ "state": "waiting", "text": "Waiting for the device.", "left": "10 minutes left", "is_waiting": true })
    );
    let redeemed = server.stranger().post("/api/pair", json!({ "code": code }).to_string()).await;
    let token = redeemed.json()["token"].as_str().expect("a token").to_owned();
    assert_eq!(progress(&owner, 0).await["state"], "redeemed");
    server.stranger().authorized(&token).beat().await;
    let arrived = progress(&owner, 0).await;
    assert_eq!((&arrived["state"], &arrived["is_waiting"]), (&json!("arrived"), &json!(false)));

    let paired = owner.post("/manage/devices/0", "do=pair").await;
    assert_eq!((paired.status, paired.header("location")), (303, "/manage/devices/0"));
    let owner = owner_with(&server, &cookie(&paired)).await;
    // A beat with the token from before is not the one that is waited for.
    server.stranger().authorized(&token).beat().await;
    assert_eq!(progress(&owner, 0).await["state"], "waiting");
    database.execute("UPDATE heartbeat.pairings SET expires_at = now() - interval '1 s'").await;
    assert_eq!(progress(&owner, 0).await["state"], "expired");
    assert!(element(&owner.get("/manage/devices/0").await, "code").is_none());

    let stranger = browser(&server, &[]).get("/manage/devices/0/pairing").await;
    assert_eq!((stranger.status, stranger.header("cache-control")), (401, "no-store"));
    assert_eq!(owner.get("/manage/devices/7/pairing").await.status, 404);
}

#[tokio::test]
async fn a_new_token_ends_the_old_one() {
    let (server, _database) = Server::fresh().await;
    let (_, old) = server.owner().register("Laptop").await;
    let replaced = owner(&server).await.post("/manage/devices/0", "do=token").await;
    let page = owner_with(&server, &cookie(&replaced)).await.get("/manage/devices/0").await;
    assert_eq!(server.stranger().authorized(&old).post("/api/beat", "").await.status, 401);
    server.stranger().authorized(element(&page, "token").expect("a token")).beat().await;
}

#[tokio::test]
async fn each_form_changes_what_it_says_and_leads_back_to_the_device() {
    let (server, _database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let owner = owner(&server).await;
    for (fields, member, value) in [
        (&[("do", "rename"), ("name", " Desk <b> ")][..], "name", json!("Desk <b>")),
        (&[("do", "hide")], "visibility", json!("hidden")),
        (&[("do", "show")], "visibility", json!("public")),
        (&[("do", "no-sign-of-life")], "sign_of_life", json!(false)),
        (&[("do", "sign-of-life")], "sign_of_life", json!(true)),
        (&[("do", "archive")], "archived", json!(true)),
        (&[("do", "unarchive")], "archived", json!(false)),
    ] {
        let answer = owner.post("/manage/devices/0", form(fields)).await;
        let location = format!("/manage?done={}#device-0", fields[0].1);
        assert_eq!((answer.status, answer.header("location")), (303, location.as_str()), "{fields:?}");
        assert_eq!(device(&server, 0).await[member], value, "{fields:?}");
        let page = owner.get(location.split('#').next().expect("a path")).await;
        let said = page.body.split("class=\"done\" role=\"status\">").nth(1).expect("a notice");
        assert!(!said.starts_with('<'), "{fields:?}: {page}");
    }
    let erased = owner.post("/manage/devices/0", "do=erase").await;
    assert_eq!((erased.status, erased.header("location")), (303, "/manage?done=erase"));
    assert_eq!(server.owner().get("/api/devices/0").await.status, 404);
}

#[tokio::test]
async fn mistakes_are_named_and_change_nothing() {
    let (server, database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let owner = owner(&server).await;
    let long = "a".repeat(101);
    for (path, fields, status, text) in [
        ("/manage", &[("do", "add"), ("name", " ")][..], 400, "the name is empty"),
        ("/manage", &[("do", "add")], 400, "the name is empty"),
        ("/manage", &[("do", "add"), ("name", &long)], 400, "longer than 100 characters"),
        ("/manage", &[("do", "settings"), ("precision", "second")], 400, "expected exact, minute"),
        ("/manage", &[("do", "settings"), ("timezone", "Mars/Olympus")], 400, "Europe/Berlin"),
        ("/manage", &[("do", "hide")], 400, "does not say what to do"),
        ("/manage/devices/0", &[("do", "rename"), ("name", "a\nb")], 400, "control character"),
        ("/manage/devices/0", &[("do", "sell")], 400, "does not say what to do"),
        ("/manage/devices/7", &[("do", "hide")], 404, "no device with this id"),
        ("/manage/devices/one", &[("do", "hide")], 404, "no device with this id"),
    ] {
        let answer = owner.post(path, form(fields)).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, "text/html; charset=utf-8"),
            "{answer}"
        );
        assert!(
            answer.body.contains(text) && answer.header("cache-control") == "no-store",
            "{text}: {answer}"
        );
    }
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.devices").await, 1);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.settings").await, 0);
    assert_eq!(owner.get("/manage/devices/7").await.status, 404);
    let archived = owner.post("/manage/devices/0", "do=archive").await;
    assert_eq!(archived.status, 303);
    for action in ["do=pair", "do=token"] {
        assert!([400, 404].contains(&owner.post("/manage/devices/0", action).await.status), "{action}");
    }
}

#[tokio::test]
async fn settings_are_kept_and_the_configuration_wins() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).environment("HEARTBEAT_PRECISION", "hour").start().await;
    let owner = owner(&server).await;
    let page = owner.get("/manage").await.body;
    assert!(page.contains("The configuration sets this (<code>precision</code>)"), "{page}");
    assert!(!page.contains("name=\"precision\"") && page.contains("name=\"history\""), "{page}");
    let fields = form(&[("do", "settings"), ("history", "off"), ("timezone", "europe/berlin")]);
    assert_eq!(owner.post("/manage", fields).await.header("location"), "/manage?done=settings");
    let page = owner.get("/manage").await.body;
    assert!(
        page.contains("value=\"off\" checked") && page.contains("value=\"Europe/Berlin\" required"),
        "{page}"
    );
}

#[tokio::test]
async fn what_waits_in_the_outbox_is_shown_with_the_reason() {
    let (server, database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let owner = owner(&server).await;
    assert!(owner.get("/manage").await.body.contains("No notification waits."));
    database
        .execute(
            "INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload, queued_at)
             VALUES ('config:discord', 'beat', now(), '{}', now() - interval '7 min');
             INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload, dead_at)
             VALUES ('channel:9', 'device.added', '-infinity', '{}', now());
             INSERT INTO heartbeat.dispatch_leases (channel, attempts, settings_hash) VALUES ('config:discord', 3, 'x');
             INSERT INTO heartbeat.disabled_channels (channel, settings_hash, reason)
             VALUES ('config:discord', 'x', 'status 404')",
        )
        .await;
    let page = owner.get("/manage").await.body;
    for text in [
        "<bdi>Discord</bdi></b>: It refused everything for good",
        "(status 404)",
        "1 notification is waiting, the oldest for 7 min",
        "3 attempts failed",
        "A device was added, for <bdi>A channel that was removed</bdi>",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    // Before anything else, though no heartbeat has ever arrived and nothing was chosen yet.
    assert!(page.contains("<h2 id=\"verdict\">Notifications do not arrive</h2>"), "{page}");
    let (failing, first_choice) = (page.find("id=\"notifications\""), page.find("id=\"who-can-see-what\""));
    assert!(failing.is_some() && failing < first_choice, "{page}");
}

#[tokio::test]
async fn many_devices_are_on_many_pages() {
    let (server, database) = Server::fresh().await;
    database
        .execute(
            "INSERT INTO heartbeat.devices (id, name, token_hash, num_beats)
             SELECT id, 'Device ' || id, sha256(id::text::bytea), 0 FROM generate_series(0, 119) AS id",
        )
        .await;
    let owner = owner(&server).await;
    for (page, number, first) in
        [("", 50, 0), ("?page=1", 50, 0), ("?page=3", 20, 100), ("?page=99", 20, 100), ("?page=x", 50, 0)]
    {
        let body = owner.get(&format!("/manage{page}")).await.body;
        assert_eq!(body.matches("<li id=\"device-").count(), number, "{page}");
        assert!(body.contains(&format!("<li id=\"device-{first}\"")), "{page}");
    }
    assert!(owner.get("/manage?page=2").await.body.contains("href=\"/manage?page=3#devices\""));
}

#[tokio::test]
async fn names_are_shown_as_text() {
    let (server, _database) = Server::fresh().await;
    let name = "<img src=x onerror=alert(1)>\"'&";
    server.owner().register(name).await;
    let owner = owner(&server).await;
    for path in ["/manage", "/manage?done=<img src=x>", "/manage/devices/0"] {
        let page = owner.get(path).await;
        assert!(page.status == 200 && !page.body.contains("<img "), "{path}: {page}");
    }
}
