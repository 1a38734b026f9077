//! Values in the database that no Heartbeat wrote, or one with a defect: infinite times, years that programs cannot
//! count, negative numbers, names of a megabyte.

use heartbeat_tests::{Server, ServerBuilder};
use reqwest::Method;

const PATHS: [&str; 9] = [
    "/",
    "/stats",
    "/api/stats",
    "/badge/last-seen",
    "/badge/last-seen.png?device=0",
    "/badge/total-beats.json",
    "/badge/total-beats?device=0",
    "/og.png",
    "/.well-known/health",
];

/// Changes to the tables, one for each strange value.
fn changes() -> Vec<String> {
    let times =
        ["'infinity'", "'-infinity'", "'294276-12-31'", "'4713-01-01 BC'", "'10000-01-01'", "'0001-01-01'"];
    let columns = [
        "devices SET last_beat",
        "stats SET last_beat",
        "stats SET silent_since",
        "stats SET server_start_time",
    ];
    let numbers = ["-1", "-9223372036854775808", "9223372036854775807"];
    let counts = ["devices SET num_beats", "stats SET total_visits"];
    let pairs = |columns: &[&str], values: &[&str]| {
        let change =
            |column: &&str| values.iter().map(move |value| format!("{column} = {value}")).collect::<Vec<_>>();
        columns.iter().flat_map(change).collect::<Vec<_>>()
    };
    let mut changes = pairs(&columns, &times);
    changes.extend(pairs(&counts, &numbers));
    changes.extend(pairs(&["stats SET longest_absence"], &["'178000000 years'", "'-178000000 years'"]));
    changes.extend(pairs(&["devices SET name"], &["NULL", "''", "repeat('x', 1000000)", "E'\\x1b[2J\\n'"]));
    changes.extend(pairs(&["beats SET time_stamp"], &["'infinity'", "'-infinity'"]));
    changes.into_iter().map(|change| format!("UPDATE heartbeat.{change}")).collect()
}

#[tokio::test]
async fn no_value_in_the_database_stops_the_server_or_a_beat() {
    let (server, database) = Server::fresh().await;
    let (_, token) = server.owner().register("Laptop").await;
    let phone = server.device("Phone").await;
    for change in changes() {
        server.stranger().authorized(&token).beat().await;
        database.execute(&change).await;
        // One process has read the stats before, the other one reads them after.
        let other = ServerBuilder::on(&database).start().await;
        for path in PATHS {
            let response = other.stranger().try_send(Method::GET, path, Vec::new()).await;
            let response = response.unwrap_or_else(|_| panic!("{change}, {path}: {}", other.log()));
            assert_eq!(response.status, 200, "{change}, {path}: {response}");
            assert!(response.bytes.len() < 100_000, "{change}, {path}");
        }
        for server in [&other, &server] {
            let beat = server.stranger().authorized(&token).beat().await;
            let stats = server.stranger().stats().await;
            assert_eq!(stats["last_seen"], beat, "{change}");
            for figure in ["longest_absence", "num_visits", "total_beats", "uptime"] {
                assert!(stats[figure].as_u64().is_some(), "{change}: {stats}");
            }
            assert_eq!(stats["devices"][0]["last_beat"], beat, "{change}");
        }
        for server in [&other, &server] {
            assert!(!server.log().contains("panicked"), "{change}: {}", server.log());
            assert!(!server.log().contains("ERROR"), "{change}: {}", server.log());
        }
        database
            .execute(
                "UPDATE heartbeat.devices SET last_beat = now(), num_beats = 1, name = 'Laptop';
                 UPDATE heartbeat.stats SET last_beat = now(), server_start_time = now(), total_visits = 0,
                     longest_absence = '0'",
            )
            .await;
    }
    phone.beat().await;
}
