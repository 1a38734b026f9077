//! Start of a server with an embedded database, to its first beat: on an empty folder, on an existing one, and after
//! everything was killed; compared with a bare PostgreSQL that starts in the same way.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use heartbeat_tests::{
    Client, Database, Server, ServerBuilder,
    cluster::{kill_server, postgres_command},
    server::SECRET_KEY,
};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection, PgConnection};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Child,
};

use crate::{
    beats::median,
    table::{Table, Target},
};

/// Number of starts of each kind; the median counts.
const ROUNDS: usize = 7;

/// Times of one round.
#[derive(Debug, Default)]
struct Times {
    empty: Duration,
    existing: Duration,
    killed: Duration,
}

pub(crate) async fn measure(table: &mut Table) {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for number in 0..ROUNDS {
        ours.push(heartbeat().await);
        bare.push(postgres(&Database::folder().join(format!("bare_{number}"))).await);
    }
    let of = |rounds: &[Times], time: fn(&Times) -> Duration| {
        median(rounds.iter().map(|times| time(times).as_secs_f64() * 1e3).collect())
    };
    table.heading("embedded database, start to first beat", "");
    table.value("empty folder", "ms", of(&ours, |it| it.empty), Target::AtMost(1500.0));
    table.value("existing folder", "ms", of(&ours, |it| it.existing), Target::AtMost(300.0));
    table.value("after kill -9 of everything", "ms", of(&ours, |it| it.killed), Target::None);
    table.heading("embedded database, start to first beat", "PostgreSQL");
    let empty = "empty folder / initdb, start, answer";
    table.ratio(empty, "ms", of(&ours, |it| it.empty), of(&bare, |it| it.empty), Target::AtMost(1.3));
    let existing = "existing folder / start, answer";
    table.ratio(existing, "ms", of(&ours, |it| it.existing), of(&bare, |it| it.existing), Target::None);
    let killed = "after kill -9 / start, answer";
    table.ratio(killed, "ms", of(&ours, |it| it.killed), of(&bare, |it| it.killed), Target::AtMost(1.3));
}

async fn heartbeat() -> Times {
    let builder = ServerBuilder::bare()
        .environment("HEARTBEAT_DATABASE_DSN", "embedded")
        .environment("HEARTBEAT_BIND", "127.0.0.1:0")
        .environment("HEARTBEAT_SECRET_KEY", SECRET_KEY);
    let started = Instant::now();
    let mut server = builder.start_listening().await;
    let (_, token) = server.owner().register("Laptop").await;
    server.stranger().authorized(&token).beat().await;
    let empty = started.elapsed();
    assert!(server.stop().await.success(), "{}", server.log());

    let (existing, mut server) = first_beat(&builder, &token).await;
    server.signal(Signal::KILL);
    server.ended().await;
    kill_server(postmaster(&builder.home().join("postgres"))).await;

    let (killed, mut server) = first_beat(&builder, &token).await;
    assert!(server.stop().await.success(), "{}", server.log());
    Times { empty, existing, killed }
}

/// Starts a server; returns the time to the first beat.
async fn first_beat(builder: &ServerBuilder, token: &str) -> (Duration, Server) {
    let started = Instant::now();
    let server = builder.start_listening().await;
    Client::new(&server.url()).authorized(token).beat().await;
    (started.elapsed(), server)
}

/// Does the same with a PostgreSQL alone, in the folder `data`.
async fn postgres(data: &Path) -> Times {
    let started = Instant::now();
    let mut initdb = postgres_command("initdb");
    initdb.args(["--username=heartbeat", "--auth=trust", "--encoding=UTF8", "--locale=C", "--pgdata"]);
    let output = initdb.arg(data).output().await.expect("initdb");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut process = first_answer(data).await;
    let empty = started.elapsed();
    kill_process(postmaster(data), Signal::INT).expect("a running database");
    process.wait().await.expect("a status");

    let started = Instant::now();
    let mut process = first_answer(data).await;
    let existing = started.elapsed();
    kill_server(postmaster(data)).await;
    process.wait().await.expect("a status");

    let started = Instant::now();
    let mut process = first_answer(data).await;
    let killed = started.elapsed();
    kill_process(postmaster(data), Signal::INT).expect("a running database");
    process.wait().await.expect("a status");
    Times { empty, existing, killed }
}

/// Starts a PostgreSQL, and waits until it has answered a query.
async fn first_answer(data: &Path) -> Child {
    let mut postgres = postgres_command("postgres");
    let sockets = format!("unix_socket_directories={}", data.display());
    postgres.arg("-D").arg(data).args(["-c", "listen_addresses=", "-c", &sockets]);
    let mut process = postgres.stderr(Stdio::piped()).kill_on_drop(true).spawn().expect("a database");
    let mut lines = BufReader::new(process.stderr.take().expect("its log")).lines();
    loop {
        let line = lines.next_line().await.expect("a line").expect("a database that starts");
        if line.contains("ready to accept connections") {
            break;
        }
    }
    // Whatever it logs later must not fill the pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let url = format!("postgresql://heartbeat@localhost/postgres?host={}", data.display());
    let mut connection = PgConnection::connect(&url).await.expect("a connection");
    sqlx::raw_sql("SELECT 1").execute(&mut connection).await.expect("an answer");
    process
}

/// Process id of a running database, from its `postmaster.pid`.
fn postmaster(data: &Path) -> Pid {
    let file: PathBuf = data.join("postmaster.pid");
    let text = std::fs::read_to_string(file).expect("a running database");
    let id = text.lines().next().and_then(|id| id.parse().ok()).expect("a process id");
    Pid::from_raw(id).expect("not zero")
}
