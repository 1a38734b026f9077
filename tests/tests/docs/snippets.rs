//! The programs, configurations and statements that readers copy.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, http::StatusCode, routing::post};
use heartbeat_core::{
    Config,
    config::{Environment, Flags, Profile},
};
use heartbeat_tests::{Server, ServerBuilder, eventually};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    time::timeout,
};

use crate::page::{Page, page, pages, top};

/// When a client that should end is taken to go on.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The Python client of the page about clients, at work for the server at `base` with `token`.
fn python(folder: &TempDir, base: &str, token: &str) -> Child {
    let (program, token_file) = (folder.path().join("client.py"), folder.path().join("token"));
    let page = page("clients.md");
    let [block] = page.blocks_in("python")[..] else { panic!("one client") };
    std::fs::write(&program, &block.text).expect("a program");
    std::fs::write(&token_file, token).expect("a token");
    let mut command = Command::new("python3");
    command
        .arg(program)
        .arg(base)
        .arg(token_file)
        .env_clear()
        .envs(std::env::var("PATH").map(|it| ("PATH", it)));
    command.stderr(Stdio::piped()).kill_on_drop(true).spawn().expect("Python")
}

fn base(server: &Server) -> String {
    format!("http://127.0.0.1:{}", server.port())
}

#[tokio::test]
async fn the_python_client_beats() {
    let (server, _database) = Server::fresh().await;
    let (_, token) = server.owner().register("Laptop").await;
    let folder = TempDir::new().expect("a folder");
    let _client = python(&folder, &base(&server), &format!("{token}\n"));
    eventually("a beat", async || server.stranger().stats().await["total_beats"] == 1).await;
}

#[tokio::test]
async fn the_python_client_stops_when_its_token_is_refused_and_does_not_say_it() {
    let (server, _database) = Server::fresh().await;
    let folder = TempDir::new().expect("a folder");
    let client = python(&folder, &base(&server), "hbt_nobody").wait_with_output();
    let output = timeout(TEST_TIMEOUT, client).await.expect("it does not go on").expect("an end");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), said.trim()), (Some(1), "The server refuses beats: 401 Unauthorized"));
}

#[tokio::test]
async fn the_python_client_waits_for_as_long_as_it_is_told() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let beat = async move || match count.fetch_add(1, Ordering::Relaxed) {
        0 => (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "0")]),
        1 => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")]),
        _ => (StatusCode::OK, [("retry-after", "0")]),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let stand_in = tokio::spawn(async move {
        axum::serve(listener, Router::new().route("/api/beat", post(beat))).await.expect("a server");
    });
    let folder = TempDir::new().expect("a folder");
    let mut client = python(&folder, &format!("http://{address}"), "hbt_somebody");
    eventually("three attempts", async || asked.load(Ordering::Relaxed) == 3).await;
    assert!(client.try_wait().expect("its state").is_none(), "it goes on");
    stand_in.abort();
}

#[tokio::test]
async fn the_javascript_watches_the_stream() {
    let (server, _database) = Server::fresh().await;
    server.device("Laptop").await.beat().await;
    let page = page("clients.md");
    let [block] = page.blocks_in("js")[..] else { panic!("one watcher") };
    let program = block.text.replace("127.0.0.1:6060", &format!("127.0.0.1:{}", server.port()));
    assert_ne!(program, block.text);
    // What starts Node may be a program that starts another: it ends by itself, after two frames or too long.
    let ends = "setTimeout(() => process.exit(1), 30000);
        let left = 2;
        const { log } = console;
        console.log = (text) => { log(text); if (--left === 0) process.exit(); };";
    // infra/scripts/install-browser brings one along that has WebSockets.
    let output = Command::new(top().join(".tools-web/bin/node"))
        .args(["--eval", &format!("{ends}\n{program}")])
        .output()
        .await
        .expect("Node: infra/scripts/install-browser installs it");
    let said = String::from_utf8_lossy(&output.stdout);
    let shown: Vec<u32> = said.lines().map(|line| line.parse().expect("seconds")).collect();
    assert!(output.status.success() && shown.len() == 2, "{output:?}");
    assert!(shown.iter().all(|seconds| *seconds < 60), "{shown:?}");
}

#[test]
fn every_json_is_json() {
    let mut seen = 0;
    for page in pages().into_iter().chain([Page::read("README.md")]) {
        for block in page.blocks_in("json") {
            let parsed: Result<serde_json::Value, _> = serde_json::from_str(&block.text);
            assert!(parsed.is_ok(), "{}: {parsed:?} in\n{}", page.path, block.text);
            seen += 1;
        }
    }
    assert!(seen > 8, "{seen}");
}

#[test]
fn every_configuration_is_one_that_the_program_takes() {
    let folder = TempDir::new().expect("a folder");
    let mut seen = 0;
    for page in pages().into_iter().chain([Page::read("README.md")]) {
        for block in page.blocks_in("toml") {
            let file = folder.path().join("config.toml");
            std::fs::write(&file, &block.text).expect("a file");
            for profile in [Profile::Debug, Profile::Release] {
                let flags = Flags { config_file: Some(file.clone()), ..Flags::default() };
                let environment = Environment {
                    variables: BTreeMap::new(),
                    user_folder: Some(folder.path().to_owned()),
                    in_container: false,
                    profile,
                };
                let loaded = Config::load(&flags, &environment);
                assert!(loaded.is_ok(), "{}: {} in\n{}", page.path, loaded.unwrap_err(), block.text);
            }
            seen += 1;
        }
    }
    assert!(seen >= 3, "{seen}");
}

#[tokio::test]
async fn what_is_deleted_by_hand_leaves_figures_that_agree() {
    let page = page("privacy.md");
    let [a_device, old_beats] = page.blocks_in("sql")[..] else { panic!("two ways to delete") };
    let (mut server, database) = Server::fresh().await;
    let (phone, laptop) = (server.device("Phone").await, server.device("Laptop").await);
    phone.beat().await;
    laptop.beat().await;
    laptop.beat().await;
    assert!(server.stop().await.success());

    database.execute(&a_device.text.replace("= 7", "= 0")).await;
    // A beat of long ago, counted as it was then.
    database
        .execute(
            "INSERT INTO heartbeat.beats VALUES (1, now() - interval '2 years');
             UPDATE heartbeat.devices SET num_beats = num_beats + 1 WHERE id = 1",
        )
        .await;
    database.execute(&old_beats.text).await;

    let server = ServerBuilder::on(&database).start().await;
    let stats = server.stranger().stats().await;
    assert_eq!((&stats["total_beats"], &stats["devices"][0]["name"]), (&2.into(), &"Laptop".into()));
    assert_eq!(stats["devices"].as_array().map(Vec::len), Some(1));
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 2);
}

/// Success and the code for a wrong command line stand elsewhere: in the standard library, and in `main.rs`.
#[test]
fn every_exit_code_of_the_agent_is_in_its_table() {
    let source = fs::read_to_string(top().join("agent/src/exit.rs")).expect("the exit codes");
    let codes = source.lines().filter_map(|line| line.split_once("=> ")?.1.strip_suffix(',')?.parse().ok());
    let codes: BTreeSet<u32> = codes.chain([0]).collect();
    let table = fs::read_to_string(top().join("docs/agent.md")).expect("the page");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" |")?.0.parse().ok());
    assert_eq!(rows.collect::<BTreeSet<u32>>(), codes);
    assert!(codes.len() > 5, "{codes:?}");
}
