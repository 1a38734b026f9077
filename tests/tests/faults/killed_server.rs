//! Server killed under load.

use heartbeat_tests::{Database, Devices, Load, ServerBuilder};
use rustix::process::Signal;

use crate::rounds;

#[tokio::test]
async fn a_server_that_is_killed_again_and_again_loses_no_acknowledged_beat() {
    let database = Database::create().await;
    let builder = ServerBuilder::on(&database);
    let mut server = builder.start().await;
    let devices = Devices::register(&server.owner(), 4).await;
    for round in 0..rounds() {
        let load = Load::start(&server.stranger(), &devices);
        // At different points in the life of the process.
        devices.wait_for_acknowledged(1 + round % 5 * 100).await;
        server.signal(Signal::KILL);
        server.ended().await;
        load.wait_for_disconnect().await;
        server = builder.start().await;
    }
    devices.assert_durable(&server, &database).await;
    assert_eq!(devices.rejected(), 0);
}

#[tokio::test]
async fn a_server_that_is_killed_between_a_code_and_the_first_beat_loses_neither_token() {
    let database = Database::create().await;
    let builder = ServerBuilder::on(&database);
    let mut server = builder.start().await;
    let (id, old) = server.owner().register("Phone").await;
    let code = server.owner().pairing_code(id).await;
    let lost = server.stranger().pair(&code).await;
    server.signal(Signal::KILL);
    server.ended().await;

    let server = builder.start().await;
    let status = async |token: &str| server.stranger().authorized(token).post("/api/beat", "").await.status;
    assert_eq!(status(&old).await, 200);
    // The answer may have been lost with the server: the code is still good.
    let kept = server.stranger().pair(&code).await;
    assert_eq!(status(&kept).await, 200);
    assert_eq!((status(&old).await, status(&lost).await), (401, 401));
}
