//! `POST /api/devices/{id}/token/generate`

use heartbeat_tests::Server;
use insta::assert_snapshot;

#[tokio::test]
async fn a_new_token_works_and_the_old_one_is_revoked_at_once() {
    let (server, _database) = Server::fresh().await;
    let (id, old) = server.owner().register("Laptop").await;
    let old = server.stranger().authorized(&old);
    old.beat().await;

    let response = server.owner().post(&format!("/api/devices/{id}/token/generate"), "").await;
    assert_eq!((response.status, response.header("content-type")), (200, "application/json"));
    let device = response.json();
    assert_eq!((&device["id"], &device["name"]), (&id.into(), &"Laptop".into()));

    assert_eq!(old.post("/api/beat", "").await.status, 401);
    server.stranger().authorized(device["token"].as_str().expect("a token")).beat().await;
    assert_eq!(server.stranger().stats().await["devices"][0]["num_beats"], 2);
}

#[tokio::test]
async fn ids_of_no_device_are_not_found() {
    let (server, _database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let ids = [
        "1",
        "-1",
        "-0",
        "00",
        "+0",
        "0.0",
        "one",
        "%20",
        "%00",
        "%ff",
        "0%2f",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999999999",
    ];
    for id in ids {
        let response = server.owner().post(&format!("/api/devices/{id}/token/generate"), "").await;
        assert_eq!(
            (response.status, response.header("content-type")),
            (404, "application/problem+json"),
            "{id}"
        );
    }
    assert_snapshot!(server.owner().post("/api/devices/7/token/generate", "").await, @r#"
    404
    content-type: application/problem+json
    cache-control: no-store

    {"type":"about:blank","title":"Not Found","status":404,"detail":"There is no device with this id."}
    "#);
}

#[tokio::test]
async fn only_the_owner_gets_tokens_and_only_the_owner_learns_which_ids_exist() {
    let (server, _database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    for path in
        ["/api/devices/0/token/generate", "/api/devices/7/token/generate", "/api/devices/x/token/generate"]
    {
        assert_eq!(server.stranger().post(path, "").await.status, 401);
        assert_eq!(laptop.post(path, "").await.status, 401);
    }
    laptop.beat().await;
}
