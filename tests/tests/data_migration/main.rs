//! Data migration: legacy import, export and import, rolling updates. Nothing is lost, and an interrupted migration
//! changes nothing.

mod alerts;
mod erased_devices;
mod export;
mod former_ids;
mod interrupted;
mod legacy_database;
mod legacy_import;
mod rolling_update;
mod rolling_update_of_functions;

use heartbeat_tests::Server;

/// Asserts that a former id names the device with this id and name, wherever clients name devices.
async fn assert_named_by_former_id(server: &Server, former_id: &str, id: i64, name: &str) {
    for which in [former_id, &id.to_string()] {
        let badge = server.stranger().get(&format!("/badge/total-beats.json?device={which}")).await;
        assert_eq!(badge.json()["label"], format!("{name} total beats"), "{badge}");
        let device = server.owner().post(&format!("/api/devices/{which}/token/generate"), "").await.json();
        assert_eq!((&device["id"], &device["name"]), (&id.into(), &name.into()));
        let token = device["token"].as_str().expect("a token").to_owned();
        server.stranger().authorized(&token).beat().await;
    }
}

/// Asserts that both servers respond with the same stats, to the byte, within the same second.
async fn assert_same_stats(one: &Server, other: &Server) {
    let stats = async |server: &Server| server.stranger().get("/api/stats").await.body;
    loop {
        // Their seconds may begin a moment apart.
        let (other_before, before) = (stats(other).await, stats(one).await);
        let (other_after, after) = (stats(other).await, stats(one).await);
        if before == after && other_before == other_after {
            assert_eq!(before, other_before);
            return;
        }
    }
}
