//! Embedded PostgreSQL (`database.dsn = "embedded"`), from first start to crash.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use heartbeat_tests::{Server, ServerBuilder, eventually, server::program, skipped};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::process::Command;

/// Returns a server with an embedded database in its home folder.
fn embedded() -> ServerBuilder {
    ServerBuilder::bare()
        .environment("HEARTBEAT_DATABASE_DSN", "embedded")
        .environment("HEARTBEAT_BIND", "127.0.0.1:0")
        .environment("HEARTBEAT_SECRET_KEY", heartbeat_tests::server::SECRET_KEY)
}

/// Process id of the database, from its `postmaster.pid`.
fn postmaster(home: &Path) -> Option<Pid> {
    let pid_file = fs::read_to_string(home.join("postgres/postmaster.pid")).ok()?;
    Pid::from_raw(pid_file.lines().next()?.parse().ok()?)
}

async fn total_beats(server: &Server) -> serde_json::Value {
    server.stranger().stats().await["total_beats"].clone()
}

#[tokio::test]
async fn it_is_set_up_on_the_first_start_keeps_its_data_and_stops_with_the_server() {
    let builder = embedded();
    let mut server = builder.start().await;
    assert!(server.log().contains("setting up PostgreSQL"));
    let (_, token) = server.owner().register("Laptop").await;
    server.stranger().authorized(&token).beat().await;
    assert!(server.stop().await.success());
    assert_eq!(postmaster(builder.home()), None);
    assert!(!server.log().contains("ended unexpectedly"), "{}", server.log());

    let mut server = builder.start().await;
    assert!(!server.log().contains("setting up PostgreSQL"));
    assert_eq!(total_beats(&server).await, 1);
    server.stranger().authorized(&token).beat().await;
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn a_server_that_is_killed_during_the_first_start_is_no_obstacle_to_the_next() {
    let builder = embedded();
    let mut killed = builder.spawn();
    let unfinished = builder.home().join("postgres.unfinished/PG_VERSION");
    eventually("files of a cluster", async || unfinished.exists()).await;
    killed.signal(Signal::KILL);
    killed.ended().await;
    assert!(!builder.home().join("postgres").exists());

    let mut server = builder.start().await;
    assert!(server.log().contains("setting up PostgreSQL"));
    server.device("Laptop").await.beat().await;
    assert!(server.stop().await.success());
    assert!(!builder.home().join("postgres.unfinished").exists());
}

#[tokio::test]
async fn it_listens_on_no_port_and_its_files_are_private() {
    let builder = embedded();
    let mut server = builder.start().await;
    let mode = fs::metadata(builder.home().join("postgres")).expect("a folder").permissions().mode();
    assert_eq!(mode & 0o077, 0);
    let pid_file = fs::read_to_string(builder.home().join("postgres/postmaster.pid")).expect("a pid file");
    // The sixth line is the first IP address that it listens on (miscadmin.h of PostgreSQL).
    assert_eq!(pid_file.lines().nth(5), Some(""));
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn after_a_kill_of_the_server_the_next_one_takes_over() {
    let builder = embedded();
    let mut server = builder.start().await;
    server.device("Laptop").await.beat().await;
    let orphan = postmaster(builder.home()).expect("a database");
    server.signal(Signal::KILL);
    server.ended().await;

    let mut server = builder.start().await;
    assert_eq!(total_beats(&server).await, 1);
    assert_ne!(postmaster(builder.home()), Some(orphan));
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn a_database_that_crashes_is_started_again() {
    let builder = embedded();
    let mut server = builder.start().await;
    let laptop = server.device("Laptop").await;
    laptop.beat().await;
    kill_process(postmaster(builder.home()).expect("a database"), Signal::KILL).expect("a kill");
    server.wait_for("is started again").await;
    eventually("a beat", async || laptop.post("/api/beat", "").await.status == 200).await;
    assert_eq!(total_beats(&server).await, 2);
    assert!(server.stop().await.success());
    assert_eq!(postmaster(builder.home()), None);
}

#[tokio::test]
async fn a_pid_file_with_the_id_of_another_process_is_no_obstacle() {
    let builder = embedded();
    assert!(builder.start().await.stop().await.success());
    // As after a crash in a container, where process ids are soon reused: this one is of the test.
    let pid_file = format!("{}\n", std::process::id());
    for name in ["postmaster.pid", ".s.PGSQL.5432.lock"] {
        fs::write(builder.home().join("postgres").join(name), &pid_file).expect("a pid file");
    }
    let mut server = builder.start().await;
    assert_eq!(total_beats(&server).await, 0);
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn a_second_server_on_the_same_home_is_rejected() {
    let builder = embedded();
    let mut first = builder.start().await;
    let (code, output) = builder.run().await;
    assert_eq!(code, 1);
    let expected =
        format!("another Heartbeat uses {}; stop it, or set HEARTBEAT_HOME", builder.home().display());
    assert!(output.contains(&expected), "{output}");
    assert!(first.stop().await.success());
}

#[tokio::test]
async fn a_home_whose_path_is_too_long_for_a_socket_works_all_the_same() {
    let builder = embedded();
    let home = builder.home().join("a".repeat(120));
    let builder = builder.environment("HEARTBEAT_HOME", &home.display().to_string());
    let mut server = builder.start().await;
    server.device("Laptop").await.beat().await;
    let sockets = fs::read_to_string(home.join("postgres/postmaster.pid")).expect("a pid file");
    let sockets = sockets.lines().nth(4).expect("the folder of its socket").to_owned();
    assert!(sockets.len() < 107 && Path::new(&sockets).is_dir(), "{sockets}");
    assert!(server.stop().await.success());
    fs::remove_dir_all(sockets).expect("the folder of its socket");
}

#[tokio::test]
async fn blanks_and_commas_in_the_path_of_the_home_do_no_harm() {
    let builder = embedded();
    let home = builder.home().join("a, \"b\" c");
    let builder = builder.environment("HEARTBEAT_HOME", &home.display().to_string());
    let mut server = builder.environment("PGSSLMODE", "require").start().await;
    server.device("Laptop").await.beat().await;
    assert!(server.stop().await.success());
}

/// Command that runs a program among processes of its own, as a container does.
const NEW_PID_NAMESPACE: [&str; 6] =
    ["unshare", "--user", "--map-current-user", "--pid", "--fork", "--mount-proc"];

#[tokio::test]
async fn a_database_that_runs_in_another_container_is_left_alone() {
    let namespace = || {
        let mut command = Command::new(NEW_PID_NAMESPACE[0]);
        command.args(&NEW_PID_NAMESPACE[1..]);
        command
    };
    if !namespace().arg("true").status().await.is_ok_and(|status| status.success()) {
        return skipped("namespaces of process ids are refused here");
    }
    let builder = embedded();
    let mut server = builder.start().await;
    server.device("Laptop").await.beat().await;
    server.signal(Signal::KILL);
    server.ended().await;
    let orphan = postmaster(builder.home()).expect("a database");

    let output = namespace()
        .arg(program())
        .env("HEARTBEAT_HOME", builder.home())
        .env("HEARTBEAT_DATABASE_DSN", "embedded")
        .env("HEARTBEAT_BIND", "127.0.0.1:0")
        .output()
        .await
        .expect("an end");
    let printed = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(
        printed.contains("a PostgreSQL that cannot be seen from here, as in another container"),
        "{printed}"
    );
    assert_eq!(postmaster(builder.home()), Some(orphan));
    test_kill_process(orphan).expect("a database that runs on");

    // Where it can be seen, it is stopped, and the next one has its data.
    let mut server = builder.start().await;
    assert_eq!(total_beats(&server).await, 1);
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn migrate_starts_and_stops_it_too() {
    let builder = embedded();
    assert!(builder.start().await.stop().await.success());
    let (code, output) = builder.clone().argument("migrate").run().await;
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("The database is up to date.\n"), "{output}");
    assert_eq!(postmaster(builder.home()), None);
}

#[tokio::test]
async fn commands_set_up_no_database_where_no_server_had_one() {
    for command in ["migrate", "export", "import"] {
        // As with `sudo`: another home than the server's, and its configuration.
        let builder = ServerBuilder::bare().environment("HEARTBEAT_HOME", "");
        let file = builder.home().join("config.toml");
        fs::write(&file, "[database]\ndsn = \"embedded\"").expect("a configuration file");
        let builder =
            builder.argument(command).argument("--config-file").argument(&file.display().to_string());
        let (code, output) = builder.run().await;
        assert_eq!(code, 1, "{output}");
        let home = builder.home().join("user/.heartbeat");
        let expected =
            format!("there is no database in {}; set HEARTBEAT_HOME to the folder", home.display());
        assert!(output.contains(&expected), "{output}");
        assert!(!home.exists());
    }
}

/// Environment of a root that cannot make user namespaces: without `unshare` in the PATH.
fn without_namespaces() -> ServerBuilder {
    embedded().environment("PATH", "/nowhere")
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

#[tokio::test]
async fn root_without_user_namespaces_runs_it_as_another_user() {
    if !rustix::process::geteuid().is_root() {
        return skipped("only root can run it as another user");
    }
    let builder = without_namespaces();
    set_mode(builder.home(), 0o755);
    let home = builder.home().join("home");
    let enterable = builder.clone().environment("HEARTBEAT_HOME", &home.display().to_string());
    let mut server = enterable.start().await;
    server.device("Laptop").await.beat().await;
    assert_ne!(fs::metadata(home.join("postgres")).expect("a folder").uid(), 0);
    assert!(server.stop().await.success());

    // Below a folder that only root may enter.
    set_mode(builder.home(), 0o700);
    let (code, output) = enterable.run().await;
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("cannot enter the folders above it; run this as that user"), "{output}");
    let home = builder.home().join("another home");
    let closed = builder.clone().environment("HEARTBEAT_HOME", &home.display().to_string());
    for beats in 1..=2 {
        let mut server = closed.start().await;
        server.device("Laptop").await.beat().await;
        assert_eq!(total_beats(&server).await, beats);
        assert!(server.stop().await.success());
    }
    let data = fs::read_link(home.join("postgres")).expect("a link");
    assert!(data.starts_with("/var/lib/heartbeat"), "{}", data.display());

    // The data keeps its owner when namespaces are available again.
    let path = std::env::var("PATH").expect("a path");
    assert!(closed.clone().environment("PATH", &path).start().await.stop().await.success());

    // Missing data is an error, not a first start.
    fs::remove_dir_all(data).expect("the data");
    let (code, output) = closed.run().await;
    assert_eq!(code, 1);
    assert!(output.contains("leads to data that is gone; bring it back, or remove the link"), "{output}");
}

#[tokio::test]
async fn a_home_that_the_other_user_must_enter_stays_closed_to_everybody_else() {
    if !rustix::process::geteuid().is_root() {
        return skipped("only root can run it as another user");
    }
    let builder = without_namespaces();
    set_mode(builder.home(), 0o755);
    let home = builder.home().join("home");
    fs::create_dir(&home).expect("a home");
    set_mode(&home, 0o700);
    let file = home.join("config.toml");
    fs::write(&file, "server_name = 'Ada'").expect("a configuration file");
    set_mode(&file, 0o644);
    let mut server = builder.environment("HEARTBEAT_HOME", &home.display().to_string()).start().await;

    let mode = |path: &Path| fs::metadata(path).expect("metadata").mode() & 0o7777;
    assert_eq!((mode(&home), mode(&file)), (0o710, 0o600));
    let group = fs::metadata(home.join("postgres")).expect("a folder").gid();
    assert_eq!(fs::metadata(&home).expect("metadata").gid(), group);
    assert!(server.stop().await.success());
}
