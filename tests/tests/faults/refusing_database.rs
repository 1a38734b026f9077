//! Database that accepts connections, or not even those, and refuses its work: read-only, out of connections, dropped
//! tables, full disk.

use std::time::Duration;

use heartbeat_tests::{Client, Cluster, Database, Devices, Distance, Load, Server, ServerBuilder, skipped};
use sqlx::{AssertSqlSafe, PgConnection};

/// Asserts that writes are rejected: a beat and a registration get 503 with `Retry-After`.
async fn assert_writes_rejected(server: &Server, device: &Client) {
    let beat = device.post("/api/beat", "").await;
    assert_eq!((beat.status, beat.header("retry-after")), (503, "5"), "{beat}");
    let registration = server.owner().post("/api/devices", r#"{"name": "Phone"}"#).await;
    assert_eq!((registration.status, registration.header("retry-after")), (503, "5"), "{registration}");
}

async fn execute(connection: &mut PgConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.expect("an executed statement");
}

#[tokio::test]
async fn an_empty_database_that_is_read_only_is_waited_for_and_then_set_up() {
    let database = Database::create().await;
    let (name, mut administrator) = (database.name(), database.connect().await);
    let read_only = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    execute(&mut administrator, read_only).await;
    let mut server = ServerBuilder::on(&database).start_listening().await;
    server.wait_for("in a read-only transaction (SQLSTATE 25006)").await;
    assert_writes_rejected(&server, &server.stranger().authorized("hbt_any")).await;
    execute(&mut administrator, format!("ALTER DATABASE {name} RESET default_transaction_read_only")).await;
    server.wait_for("the database is ready").await;
    server.device("Laptop").await.beat().await;
}

#[tokio::test]
async fn while_a_database_has_no_connection_left_writes_are_rejected() {
    let database = Database::create().await;
    let (name, mut administrator) = (database.name(), database.connect().await);
    // Connection limits do not apply to superusers.
    execute(&mut administrator, format!("CREATE ROLE {name} LOGIN; ALTER DATABASE {name} OWNER TO {name}"))
        .await;
    let url = database.url().replace("heartbeat@", &format!("{name}@"));
    let builder = ServerBuilder::on(&database).environment("HEARTBEAT_DATABASE_DSN", &url);
    let mut server = builder.start().await;
    let laptop = server.device("Laptop").await;
    laptop.beat().await;

    execute(&mut administrator, format!("ALTER ROLE {name} CONNECTION LIMIT 0")).await;
    let terminate =
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = current_database()";
    execute(&mut administrator, terminate.to_owned()).await;
    assert_writes_rejected(&server, &laptop).await;
    server.wait_for("too many connections for role").await;

    execute(&mut administrator, format!("ALTER ROLE {name} CONNECTION LIMIT -1")).await;
    laptop.beat().await;
    server.wait_for("the database answers again").await;
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 2);
}

#[tokio::test]
async fn a_far_database_that_allows_no_more_connections_goes_on_with_those_there_are() {
    let database = Database::create().await;
    let (name, mut administrator) = (database.name(), database.connect().await);
    // One for beats, one for reads, one for the dispatcher.
    execute(&mut administrator, format!("CREATE ROLE {name} LOGIN CONNECTION LIMIT 3")).await;
    execute(&mut administrator, format!("ALTER DATABASE {name} OWNER TO {name}")).await;
    let distance = Distance::to(&database, Duration::from_millis(20));
    let mut server = ServerBuilder::on(&database)
        .environment("HEARTBEAT_DATABASE_DSN", &distance.url().replace("heartbeat@", &format!("{name}@")))
        .without_shares()
        .start()
        .await;
    let devices = Devices::register(&server.owner(), 8).await;
    let load = Load::start(&server.stranger(), &devices);
    server.wait_for("too many connections for role").await;
    devices.wait_for_acknowledged(100).await;
    load.stop().await;
    assert_eq!(devices.rejected(), 0);
    devices.assert_durable(&server, &database).await;
    let laptop = server.device("Laptop").await;
    for _ in 0..5 {
        laptop.beat().await;
    }
}

#[tokio::test]
async fn tables_that_are_dropped_while_it_runs_are_logged_and_set_up_again() {
    let (mut server, database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    laptop.beat().await;
    database.execute("DROP SCHEMA heartbeat CASCADE").await;
    let beat = laptop.post("/api/beat", "").await;
    assert_eq!((beat.status, beat.header("retry-after")), (503, "5"), "{beat}");
    server.wait_for(r#"relation "heartbeat.devices" does not exist (SQLSTATE 42P01)"#).await;

    // The new tables have no devices.
    assert_eq!(laptop.post("/api/beat", "").await.status, 401);
    assert_eq!(server.log().matches("set up the tables").count(), 2);
    server.device("Phone").await.beat().await;
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 1);
}

#[tokio::test]
async fn while_the_disk_is_full_beats_are_rejected_and_none_is_lost() {
    let Some(cluster) = Cluster::start_with_small_disk().await else {
        skipped("a small disk cannot be mounted");
        return;
    };
    let database = cluster.database_on_small_disk().await;
    let mut server = ServerBuilder::on(&database).start().await;
    let laptop = server.device("Laptop").await;
    laptop.beat().await;
    cluster.fill_disk().await;
    let mut beats = 1;
    // The last page has room for a few more.
    while laptop.post("/api/beat", "").await.status == 200 {
        beats += 1;
    }
    let beat = laptop.post("/api/beat", "").await;
    assert_eq!((beat.status, beat.header("retry-after")), (503, "5"), "{beat}");
    server.wait_for("No space left on device (SQLSTATE 53100)").await;
    // Reads still work.
    assert_eq!(server.stranger().stats().await["total_beats"], beats);

    cluster.free_disk().await;
    laptop.beat().await;
    server.wait_for("the database answers again").await;
    assert_eq!(server.stranger().stats().await["total_beats"], beats + 1);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, beats + 1);
    assert_eq!(database.number("SELECT num_beats FROM heartbeat.devices").await, beats + 1);
}
