//! `POST /api/ok`

use heartbeat_tests::Server;

#[tokio::test]
async fn the_owner_says_that_they_are_well_which_is_no_beat() {
    let (server, database) = Server::fresh().await;
    let device = server.device("Laptop").await;
    for client in [&device, &server.stranger()] {
        assert_eq!(client.post("/api/ok", "").await.status, 401);
    }
    let said =
        "SELECT count(*) FROM heartbeat.owner WHERE ok_at BETWEEN now() - interval '1 minute' AND now()";
    assert_eq!(database.number(said).await, 0);
    let response = server.owner().post("/api/ok", "").await;
    assert_eq!((response.status, response.header("cache-control"), &*response.body), (204, "no-store", ""));
    assert_eq!(database.number(said).await, 1);
    assert_eq!(server.stranger().stats().await["last_seen"], serde_json::Value::Null);
    let response = server.owner().get("/api/ok").await;
    assert_eq!((response.status, response.header("allow")), (405, "POST"));
}
