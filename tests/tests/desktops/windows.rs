//! Windows, as wine: the program as mingw builds it, beating at a real server.

use heartbeat_tests::{ConnectProxy, Database, Server, TlsFront, eventually, rigs::Wine};

/// Returns a server with a device, and the token of that.
async fn server() -> (Server, Database, String) {
    let (server, database) = Server::fresh().await;
    let (_, token) = server.owner().register("PC").await;
    (server, database, token)
}

/// Beats in the database.
async fn beats(database: &Database) -> i64 {
    database.number("SELECT count(*) FROM heartbeat.beats").await
}

#[tokio::test]
async fn a_key_makes_a_beat_and_no_key_makes_none() {
    let Some(wine) = Wine::start().await else { return };
    let (server, database, token) = server().await;
    wine.home().set_up(&server.url(), &token).await;
    let _window = wine.open_window().await;
    wine.type_key().await;
    let mut agent = wine.home().start(&[]);
    // Input before the start, as when an agent is started again on a machine that was left.
    agent.wait_for("no input since the agent started").await;
    assert_eq!(agent.status().await["source"], "windows");
    assert_eq!(beats(&database).await, 0);
    wine.type_key().await;
    agent.wait_for("200: recorded").await;
    assert_eq!(beats(&database).await, 1);
    let (code, status) = wine.home().run(&["status"]).await;
    assert_eq!(code, 0, "{status}");
    assert!(status.contains("in use: last input"), "{status}");
    let (code, refused) = wine.home().run(&["run"]).await;
    assert_eq!(code, 1, "one agent of a user: {refused}");
}

#[tokio::test]
async fn certificates_of_a_file_are_trusted_and_proxies_are_asked() {
    let Some(wine) = Wine::start().await else { return };
    let (server, database, token) = server().await;
    let front = TlsFront::before(&server).await;
    let ca_file = Wine::path(&front.ca_file());
    let (code, printed) = wine.home().pipe(&["setup", &front.url(), "--ca-file", &ca_file], &token).await;
    assert_eq!(code, 0, "{printed}");
    let (code, printed) = wine.home().run(&["once"]).await;
    assert_eq!((code, beats(&database).await), (0, 1), "{printed}");

    for (variable, url) in [("HTTPS_PROXY", front.url()), ("HTTP_PROXY", server.url())] {
        wine.home().pipe(&["setup", &url, "--ca-file", &ca_file], &token).await;
        let proxy = ConnectProxy::start().await;
        let (code, printed) = wine.home().clone().environment(variable, &proxy.url()).run(&["once"]).await;
        assert_eq!(code, 0, "{variable}: {printed}");
        let (_, target) = url.split_once("://").expect("a URL");
        assert_eq!(proxy.targets(), [target], "{variable}");
    }
    assert_eq!(beats(&database).await, 3);

    wine.home().set_up(&front.url(), &token).await;
    let (code, printed) = wine.home().run(&["once"]).await;
    assert_eq!((code, beats(&database).await), (5, 3), "no system knows the certificate: {printed}");
}

#[tokio::test]
async fn an_installed_agent_starts_with_windows_and_an_uninstalled_one_leaves_nothing() {
    let Some(wine) = Wine::start().await else { return };
    let (server, database, token) = server().await;
    let before = wine.run_key().await;
    wine.home().set_up(&server.url(), &token).await;
    let runs = async || wine.home().run(&["status"]).await.0 == 0;

    let (code, printed) = wine.install().await;
    assert_eq!((code, beats(&database).await), (0, 1), "{printed}");
    assert!(
        printed.contains(r"Wrote HKCU\Software\Microsoft\Windows\CurrentVersion\Run\Heartbeat"),
        "{printed}"
    );
    let installed = wine.run_key().await;
    assert!(installed.contains(r"C:\Heartbeat\heartbeat-agent-background.exe"), "{installed}");
    eventually("the agent runs", &runs).await;
    assert_eq!(wine.windows().await, "", "the agent has no window");
    let (code, printed) = wine.install().await;
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("The agent runs"), "{printed}");
    assert_eq!(wine.run_key().await, installed);

    wine.end().await;
    wine.boot().await;
    eventually("the agent runs again", &runs).await;
    let _window = wine.open_window().await;
    let beaten = beats(&database).await;
    wine.type_key().await;
    let log = || std::fs::read_to_string(wine.app_data("Local/Heartbeat/agent.log")).expect("a log");
    eventually("a logged beat", async || log().contains("200: recorded")).await;
    assert_eq!(beats(&database).await, beaten + 1);

    let (code, printed) = wine.home().run(&["uninstall"]).await;
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("Stopped the agent"), "{printed}");
    assert_eq!(wine.run_key().await, before);
    for folder in ["Roaming/Heartbeat", "Local/Heartbeat"] {
        assert!(!wine.app_data(folder).exists(), "{folder}");
    }
}
