//! `POST /api/devices/{id}/pairing` and `POST /api/pair`

use heartbeat_tests::{Client, Database, Server, ServerBuilder, client::http};
use insta::assert_snapshot;
use reqwest::header::{HeaderMap, HeaderName};

/// Makes all codes older by this interval.
async fn age_codes(database: &Database, interval: &str) {
    database
        .execute(&format!("UPDATE heartbeat.pairings SET expires_at = expires_at - interval '{interval}'"))
        .await;
}

/// Status of a beat with this token.
async fn beat(server: &Server, token: &str) -> u16 {
    server.stranger().authorized(token).post("/api/beat", "").await.status
}

/// Starts a server whose clients come through a proxy.
async fn behind_proxy(database: &Database) -> Server {
    ServerBuilder::on(database).environment("HEARTBEAT_TRUSTED_PROXIES", "127.0.0.1").start().await
}

/// Returns a client at an IP address of its own.
fn client_at(server: &Server, number: usize) -> Client {
    let ip = format!("192.0.2.{number}");
    let name = HeaderName::from_static("x-forwarded-for");
    let headers = HeaderMap::from_iter([(name, ip.parse().expect("a header"))]);
    Client::with(&format!("http://127.0.0.1:{}", server.port()), http().default_headers(headers))
}

/// Returns a code that differs from `code` in each character.
fn wrong(code: &str) -> String {
    code.chars().map(|character| if character == 'B' { 'C' } else { 'B' }).take(8).collect()
}

#[tokio::test]
async fn a_code_gives_a_token_that_replaces_the_old_one_when_it_first_beats() {
    let (server, database) = Server::fresh().await;
    let (id, old) = server.owner().register("Laptop").await;
    assert_eq!(beat(&server, &old).await, 200);

    let made = server.owner().post(&format!("/api/devices/{id}/pairing"), "").await;
    assert_eq!((made.status, made.header("cache-control")), (201, "no-store"));
    let code = made.json()["code"].as_str().expect("a code").to_owned();
    let expires_at = made.json()["expires_at"].as_str().expect("a time").to_owned();
    let lifetime = format!(
        "SELECT extract(epoch FROM '{expires_at}'::timestamptz - now())::bigint WHERE '{expires_at}' LIKE '%Z'"
    );
    assert!((590..=600).contains(&database.number(&lifetime).await), "{expires_at}");

    let answer = server.stranger().redeem(&code).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{answer}");
    assert_eq!(answer.header("access-control-allow-origin"), "");
    assert_eq!((&answer.json()["id"], &answer.json()["name"]), (&id.into(), &"Laptop".into()));
    let new = answer.json()["token"].as_str().expect("a token").to_owned();

    assert_eq!(beat(&server, &old).await, 200);
    assert_eq!(beat(&server, &new).await, 200);
    assert_eq!(beat(&server, &old).await, 401);
    assert_eq!(server.stranger().redeem(&code).await.status, 404);
    let stats = server.stranger().stats().await;
    assert_eq!((&stats["devices"][0]["num_beats"], &stats["total_beats"]), (&3.into(), &3.into()));
    assert_eq!(stats["devices"].as_array().expect("devices").len(), 1);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 3);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_until_one_of_the_tokens_beats() {
    let (server, database) = Server::fresh().await;
    let (id, _) = server.owner().register("Phone").await;
    let code = server.owner().pairing_code(id).await;
    let lost = [server.stranger().pair(&code).await, server.stranger().pair(&code).await];
    let kept = server.stranger().pair(&code).await;
    assert_eq!(beat(&server, &kept).await, 200);
    for token in lost {
        assert_eq!(beat(&server, &token).await, 401);
    }
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.offered_tokens").await, 0);
}

#[tokio::test]
async fn the_oldest_of_many_offers_makes_room() {
    let (server, database) = Server::fresh().await;
    let (id, _) = server.owner().register("Phone").await;
    let code = server.owner().pairing_code(id).await;
    let first = server.stranger().pair(&code).await;
    let second = server.stranger().pair(&code).await;
    for _ in 0..7 {
        server.stranger().pair(&code).await;
    }
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.offered_tokens").await, 8);
    assert_eq!(beat(&server, &first).await, 401);
    assert_eq!(beat(&server, &second).await, 200);
}

#[tokio::test]
async fn case_blanks_and_dashes_do_not_matter() {
    let (server, _database) = Server::fresh().await;
    let (id, _) = server.owner().register("Phone").await;
    let code = server.owner().pairing_code(id).await;
    for typed in
        [code.to_lowercase(), code.replace('-', ""), format!(" {} ", code.replace('-', " \u{2013} "))]
    {
        server.stranger().pair(&typed).await;
    }
}

#[tokio::test]
async fn a_code_is_worth_nothing_after_ten_minutes() {
    let (server, database) = Server::fresh().await;
    let (id, old) = server.owner().register("Phone").await;
    let code = server.owner().pairing_code(id).await;
    age_codes(&database, "9 minutes 50 seconds").await;
    let offered = server.stranger().pair(&code).await;
    age_codes(&database, "10 seconds").await;
    assert_eq!(server.stranger().redeem(&code).await.status, 404);
    // A phone that was paired in time may be put away before it beats.
    assert_eq!(beat(&server, &offered).await, 200);
    assert_eq!(beat(&server, &old).await, 401);
}

#[tokio::test]
async fn a_code_of_a_clock_that_was_set_back_is_void() {
    let (server, database) = Server::fresh().await;
    let (id, _) = server.owner().register("Phone").await;
    let code = server.owner().pairing_code(id).await;
    database.execute("UPDATE heartbeat.pairings SET expires_at = expires_at + interval '1 day'").await;
    assert_eq!(server.stranger().redeem(&code).await.status, 404);
}

#[tokio::test]
async fn a_new_code_voids_the_one_before_and_its_tokens_but_no_other_devices() {
    let (server, _database) = Server::fresh().await;
    let (laptop, laptop_token) = server.owner().register("Laptop").await;
    let (phone, _) = server.owner().register("Phone").await;
    let old = server.owner().pairing_code(laptop).await;
    let other = server.owner().pairing_code(phone).await;
    let offered = server.stranger().pair(&old).await;
    let new = server.owner().pairing_code(laptop).await;

    assert_eq!(server.stranger().redeem(&old).await.status, 404);
    assert_eq!(beat(&server, &offered).await, 401);
    assert_eq!(beat(&server, &laptop_token).await, 200);
    assert_eq!(server.stranger().redeem(&other).await.json()["id"], phone);
    assert_eq!(server.stranger().redeem(&new).await.json()["id"], laptop);
}

#[tokio::test]
async fn a_replaced_token_voids_code_and_offers() {
    let (server, _database) = Server::fresh().await;
    let (id, _) = server.owner().register("Laptop").await;
    let code = server.owner().pairing_code(id).await;
    let offered = server.stranger().pair(&code).await;
    let generated = server.owner().post(&format!("/api/devices/{id}/token/generate"), "").await;
    assert_eq!(beat(&server, &offered).await, 401);
    assert_eq!(server.stranger().redeem(&code).await.status, 404);
    assert_eq!(beat(&server, generated.json()["token"].as_str().expect("a token")).await, 200);
}

#[tokio::test]
async fn an_archived_device_has_no_pairing() {
    let (server, database) = Server::fresh().await;
    let (id, _) = server.owner().register("Laptop").await;
    let code = server.owner().pairing_code(id).await;
    let offered = server.stranger().pair(&code).await;
    database.execute("UPDATE heartbeat.devices SET archived_at = now()").await;
    assert_eq!(server.stranger().redeem(&code).await.status, 404);
    assert_eq!(beat(&server, &offered).await, 401);
    assert_eq!(server.owner().post(&format!("/api/devices/{id}/pairing"), "").await.status, 404);
}

#[tokio::test]
async fn codes_and_tokens_are_stored_as_hashes() {
    let (server, database) = Server::fresh().await;
    let (id, _) = server.owner().register("Laptop").await;
    let code = server.owner().pairing_code(id).await;
    let token = server.stranger().pair(&code).await;
    let rows = "SELECT concat((SELECT string_agg(pairings::text, '') FROM heartbeat.pairings),
        (SELECT string_agg(offered_tokens::text, '') FROM heartbeat.offered_tokens))";
    let stored = database.text(rows).await;
    let plain_hash = database
        .number(&format!(
            "SELECT count(*) FROM heartbeat.pairings WHERE code_hash IN (sha256('{code}'), sha256('{}'))",
            code.replace('-', "")
        ))
        .await;
    assert!(!stored.contains(&code) && !stored.contains(&token[..8]), "{stored}");
    assert_eq!(plain_hash, 0, "anybody with the database could try all codes");
    assert!(!server.log().contains(&code) && !server.log().contains(&token));
}

#[tokio::test]
async fn a_code_of_an_older_secret_key_is_void() {
    let (server, database) = Server::fresh().await;
    let (id, _) = server.owner().register("Laptop").await;
    let code = server.owner().pairing_code(id).await;
    drop(server);
    let server = ServerBuilder::on(&database)
        .environment("HEARTBEAT_SECRET_KEY", "another key of the owner's")
        .start()
        .await;
    assert_eq!(server.stranger().redeem(&code).await.status, 404);
}

#[tokio::test]
async fn without_a_secret_key_there_is_no_pairing() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).environment("HEARTBEAT_SECRET_KEY", "").start().await;
    for path in ["/api/pair", "/api/devices/0/pairing"] {
        let answer = server.stranger().post(path, r#"{"code": "BCDF-GHJK"}"#).await;
        assert_eq!(answer.status, 404, "{path}: {answer}");
        assert!(answer.body.contains("no secret key"), "{answer}");
    }
}

#[tokio::test]
async fn only_the_owner_makes_codes_and_only_for_devices_that_exist() {
    let (server, _database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    for client in [&server.stranger(), &laptop] {
        assert_eq!(client.post("/api/devices/0/pairing", "").await.status, 401);
    }
    for id in ["1", "-1", "one", "99999999999999999999"] {
        let answer = server.owner().post(&format!("/api/devices/{id}/pairing"), "").await;
        assert_eq!(answer.status, 404, "{id}");
    }
}

#[tokio::test]
async fn errors_say_what_to_do() {
    let (server, _database) = Server::fresh().await;
    let unknown = server.stranger().redeem("BCDF-GHJK").await;
    assert_snapshot!(unknown, @r#"
    404
    content-type: application/problem+json
    cache-control: no-store

    {"type":"about:blank","title":"Not Found","status":404,"detail":"This pairing code is wrong, was used, or is older than ten minutes. Make a new one, or ask the owner for one."}
    "#);
    assert_eq!(server.stranger().redeem("not a code").await.body, unknown.body);
    assert_snapshot!(server.stranger().post("/api/pair", r#"{"code": 1}"#).await, @r#"
    400
    content-type: application/problem+json
    cache-control: no-store

    {"type":"about:blank","title":"Bad Request","status":400,"detail":"The body is not a JSON object with a string \"code\" and nothing else."}
    "#);
    let extra = server.stranger().post("/api/pair", r#"{"code": "BCDF-GHJK", "name": "x"}"#).await;
    assert_eq!(extra.status, 400, "{extra}");
    assert_eq!(server.stranger().get("/api/pair").await.header("allow"), "POST");
}

#[tokio::test]
async fn ten_codes_a_minute_may_be_wrong_over_all_processes() {
    let database = Database::create().await;
    let servers = [behind_proxy(&database).await, behind_proxy(&database).await];
    let (id, _) = servers[0].owner().register("Phone").await;
    let code = servers[0].owner().pairing_code(id).await;
    // Guesses of many clients at once, through both.
    let guesses = (0..30).map(|number| {
        let client = client_at(&servers[number % 2], number);
        let guess = wrong(&code);
        tokio::spawn(async move { client.redeem(&guess).await.status })
    });
    let mut statuses = Vec::new();
    for guess in guesses.collect::<Vec<_>>() {
        statuses.push(guess.await.expect("a status"));
    }
    let failed = statuses.iter().filter(|status| **status == 404).count();
    assert_eq!((failed, statuses.len()), (10, 30), "{statuses:?}");
    assert!(statuses.iter().all(|status| [404, 429, 503].contains(status)), "{statuses:?}");
    // The right code is not looked at either, at any process, nor does it reset the count.
    for server in &servers {
        let answer = client_at(server, 100).redeem(&code).await;
        let seconds: u64 = answer.header("retry-after").parse().unwrap_or_default();
        assert!(answer.status == 429 && (1..=60).contains(&seconds), "{answer}");
    }
    // The window slides: nine of the failures are old, by the database's clock.
    database
        .execute(
            "UPDATE heartbeat.pairing_failures SET failed_at =
                ARRAY(SELECT time - interval '1 minute' FROM unnest(failed_at) AS time LIMIT 9) || failed_at[10]",
        )
        .await;
    let server = behind_proxy(&database).await;
    client_at(&server, 101).pair(&code).await;
    for number in 0..9 {
        client_at(&server, 50).pair(&code).await;
        assert_eq!(client_at(&server, number).redeem(&wrong(&code)).await.status, 404);
    }
    assert_eq!(client_at(&server, 101).redeem(&wrong(&code)).await.status, 429);
}

#[tokio::test]
async fn one_client_cannot_lock_the_others_out() {
    let database = Database::create().await;
    let server = behind_proxy(&database).await;
    let (id, _) = server.owner().register("Phone").await;
    let code = server.owner().pairing_code(id).await;
    let attacker = client_at(&server, 1);
    let mut statuses = Vec::new();
    for _ in 0..20 {
        statuses.push(attacker.redeem(&wrong(&code)).await.status);
    }
    assert_eq!(statuses, [vec![404; 5], vec![429; 15]].concat());
    assert_eq!(attacker.redeem(&code).await.status, 429);
    client_at(&server, 2).pair(&code).await;
}

#[tokio::test]
async fn of_two_tokens_that_beat_at_once_through_two_processes_one_wins() {
    let (one, database) = Server::fresh().await;
    let other = ServerBuilder::on(&database).start().await;
    let (id, _) = one.owner().register("Phone").await;
    for _ in 0..20 {
        let code = one.owner().pairing_code(id).await;
        let tokens = [one.stranger().pair(&code).await, one.stranger().pair(&code).await];
        let before = database.number("SELECT count(*) FROM heartbeat.beats").await;
        let (first, second) = tokio::join!(beat(&one, &tokens[0]), beat(&other, &tokens[1]));
        assert_eq!([first, second].iter().filter(|status| **status == 200).count(), 1, "{first} {second}");
        assert_eq!([first, second].iter().filter(|status| **status == 401).count(), 1, "{first} {second}");
        assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, before + 1);
        let winner = if first == 200 { &tokens[0] } else { &tokens[1] };
        assert_eq!((beat(&one, winner).await, beat(&other, winner).await), (200, 200));
    }
}

#[tokio::test]
async fn a_token_that_beats_twice_at_once_is_never_refused() {
    let (one, database) = Server::fresh().await;
    let other = ServerBuilder::on(&database).start().await;
    let (id, _) = one.owner().register("Phone").await;
    for _ in 0..20 {
        let code = one.owner().pairing_code(id).await;
        let token = one.stranger().pair(&code).await;
        let beats =
            tokio::join!(beat(&one, &token), beat(&other, &token), beat(&one, &token), beat(&other, &token));
        assert_eq!(beats, (200, 200, 200, 200));
    }
}

#[tokio::test]
async fn an_editor_may_use_the_token_of_a_code() {
    let (server, database) = Server::fresh().await;
    let (id, old) = server.owner().register("Editor").await;
    let token = server.stranger().pair(&server.owner().pairing_code(id).await).await;
    let now = database.number("SELECT extract(epoch FROM now())::bigint").await;
    let body = format!("[{{\"time\": {now}}}]");
    let bulk = "/api/v1/users/current/heartbeats.bulk";
    assert_eq!(server.stranger().editor(&token).post(bulk, body).await.status, 201);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 1);
    assert_eq!(beat(&server, &old).await, 401);
}
