//! Many processes that start on the same empty database.

use heartbeat_tests::{Database, ServerBuilder, eventually};

/// Number of servers, and of `heartbeat migrate` processes.
const PROCESSES_OF_EACH: usize = 25;

#[tokio::test]
async fn of_fifty_processes_that_start_at_once_one_sets_the_database_up_and_all_succeed() {
    let database = Database::create().await;
    let servers = (0..PROCESSES_OF_EACH).map(|_| {
        let builder = ServerBuilder::on(&database);
        tokio::spawn(async move { builder.start().await })
    });
    let migrations = (0..PROCESSES_OF_EACH).map(|_| {
        let builder = ServerBuilder::on(&database).argument("migrate");
        tokio::spawn(async move { builder.run().await })
    });
    let (servers, migrations): (Vec<_>, Vec<_>) = servers.zip(migrations).unzip();
    let mut set_up = 0;
    for migration in migrations {
        let (code, output) = migration.await.expect("an end");
        assert_eq!(code, 0, "{output}");
        set_up += usize::from(output != "The database is up to date.\n");
    }
    let mut running = Vec::new();
    for server in servers {
        let server = server.await.expect("a running server");
        set_up += server.log().matches("set up the tables").count();
        running.push(server);
    }
    assert_eq!(set_up, 1);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.stats").await, 1);
    // All of them work, and see what one of them writes.
    running[0].device("Laptop").await.beat().await;
    for mut server in running {
        eventually("the beat", async || server.stranger().stats().await["total_beats"] == 1).await;
        assert!(server.stop().await.success());
    }
}
