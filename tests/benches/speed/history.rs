//! Everything again with ten million beats in the database, against the same with none.

use std::time::{Duration, Instant};

use heartbeat_tests::{Database, Server, ServerBuilder};

use crate::{
    beats::{self, Turns, middle},
    load::{Load, request},
    table::{Must, Table},
};

/// The beats of one device that beat every second for four months.
const HISTORY: i64 = 10_000_000;

const ROUNDS: usize = 5;
const TURN: Duration = Duration::from_secs(2);

/// What is asked for besides beats.
const READS: [&str; 4] = ["/api/stats", "/badge/last-seen", "/badge/total-beats", "/"];

pub(crate) async fn measure(table: &mut Table) {
    let (empty, full) = (Database::create().await, Database::create().await);
    let mut servers = [ServerBuilder::on(&empty).start().await, ServerBuilder::on(&full).start().await];
    let tokens = [beats::devices(&servers[0], 1).await, beats::devices(&servers[1], 1).await];
    for server in &mut servers {
        server.stop().await;
    }
    fill(&full).await;
    let start_up = [&empty, &full].map(ServerBuilder::on);

    let mut starts = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (which, builder) in start_up.iter().enumerate() {
            let started = Instant::now();
            servers[which] = builder.start().await;
            servers[which].stranger().stats().await;
            starts[which].push(started.elapsed().as_secs_f64() * 1e3);
            servers[which].stop().await;
        }
    }
    for (server, builder) in servers.iter_mut().zip(&start_up) {
        *server = builder.start().await;
    }

    table.heading("with 10,000,000 beats in the database", "with none");
    let load = |which: usize, connections| Load {
        port: servers[which].port(),
        connections,
        requests: tokens[which].clone(),
    };
    for connections in [1, 64] {
        let [none, many] = take_turns(async |which| load(which, connections).run(TURN).await).await;
        let what = format!("beats, {connections} at a time");
        table.ratio(&what, "/s", many.rate(), none.rate(), Must::AtLeast(0.9));
    }
    for path in READS {
        let get = async |which: usize| read(&servers[which], path).run(TURN / 2).await;
        let [none, many] = take_turns(get).await;
        table.ratio(&format!("GET {path}"), "/s", many.rate(), none.rate(), Must::AtLeast(0.9));
    }
    let [none, many] = starts.map(middle);
    table.ratio("start to first answer", "ms", many, none, Must::AtMost(1.1));
}

fn read(server: &Server, path: &str) -> Load {
    Load::of(server.port(), 64, request("GET", path, ""))
}

async fn take_turns(measure: impl AsyncFn(usize) -> crate::load::Pace) -> [Turns; 2] {
    let mut turns = [Turns::default(), Turns::default()];
    for _ in 0..ROUNDS {
        for (which, turns) in turns.iter_mut().enumerate() {
            turns.push(measure(which).await);
        }
    }
    turns
}

/// Puts history into a database, as if it had grown there.
async fn fill(database: &Database) {
    database
        .execute(&format!(
            "INSERT INTO heartbeat.beats
             SELECT 0, now() - interval '1 day' - make_interval(secs => n) FROM generate_series(1, {HISTORY}) AS n"
        ))
        .await;
    database.execute("UPDATE heartbeat.devices SET num_beats = (SELECT count(*) FROM heartbeat.beats)").await;
    database.execute("VACUUM ANALYZE heartbeat.beats").await;
    database.execute("CHECKPOINT").await;
}
