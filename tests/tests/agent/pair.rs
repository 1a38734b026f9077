//! `pair URL CODE`, with a real server at the other end.

use heartbeat_tests::{AgentHome, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use crate::{beats, set_up};

/// Starts a proxy before a server that cuts the first `losses` connections when their answer begins. Returns its URL.
async fn losing(server: &Server, losses: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let port = server.port();
    tokio::spawn(async move {
        for number in 0.. {
            let (mut client, _) = listener.accept().await.expect("a connection");
            let mut upstream = TcpStream::connect(("127.0.0.1", port)).await.expect("the server");
            if number >= losses {
                let _ = copy_bidirectional(&mut client, &mut upstream).await;
                continue;
            }
            let (mut from_client, _to_client) = client.split();
            let (mut from_server, mut to_server) = upstream.split();
            tokio::select! {
                answered = from_server.read_u8() => assert!(answered.is_ok(), "the server answers"),
                _ = copy(&mut from_client, &mut to_server) => to_server.shutdown().await.expect("the server"),
            }
        }
    });
    url
}

#[tokio::test]
async fn pairing_again_keeps_the_device_and_its_history() {
    let (server, database, old) = set_up().await;
    assert_eq!(old.run(&["once"]).await.0, 0);

    let new = AgentHome::new();
    let code = server.owner().pairing_code(0).await;
    let (exit, printed) = new.run(&["pair", &server.url(), &code.to_lowercase()]).await;
    assert_eq!(exit, 0, "{printed}");
    assert!(printed.contains("Paired as Laptop.") && !printed.contains("hbt_"), "{printed}");
    // The old token lives until the new one first beats.
    assert_eq!(old.run(&["once"]).await.0, 0);
    assert_eq!(new.run(&["once"]).await.0, 0);
    assert_eq!(old.run(&["once"]).await.0, 4);
    assert_eq!(beats(&database).await, 3);
    let stats = server.stranger().stats().await;
    assert_eq!(stats["devices"].as_array().map(Vec::len), Some(1), "{stats}");
    assert_eq!((&stats["devices"][0]["id"], &stats["devices"][0]["num_beats"]), (&0.into(), &3.into()));
}

#[tokio::test]
async fn a_code_whose_answer_was_lost_twice_is_redeemed_again() {
    let (server, database, old) = set_up().await;
    let code = server.owner().pairing_code(0).await;
    let url = losing(&server, 2).await;
    let home = AgentHome::new();
    for losses in 1..=2 {
        let (exit, printed) = home.run(&["pair", &url, &code]).await;
        assert_eq!(exit, 5, "{printed}");
        assert!(printed.contains("try the code again"), "{printed}");
        assert_eq!(database.number("SELECT count(*) FROM heartbeat.offered_tokens").await, losses);
    }
    let (exit, printed) = home.run(&["pair", &url, &code]).await;
    assert_eq!(exit, 0, "{printed}");
    assert_eq!(old.run(&["once"]).await.0, 0);
    assert_eq!(home.run(&["once"]).await.0, 0);
    assert_eq!(old.run(&["once"]).await.0, 4);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.offered_tokens").await, 0);
}

#[tokio::test]
async fn a_refused_code_says_what_to_do_and_changes_nothing() {
    let (server, _database, home) = set_up().await;
    let before = std::fs::read_to_string(home.config_file()).expect("a configuration");
    let (exit, printed) = home.run(&["pair", &server.url(), "not a code"]).await;
    assert_eq!(exit, 4, "{printed}");
    assert!(printed.contains("make another"), "{printed}");
    for _ in 0..5 {
        assert_eq!(home.run(&["pair", &server.url(), "BCDF-GHJK"]).await.0, 4);
    }
    let (exit, printed) = home.run(&["pair", &server.url(), "BCDF-GHJK"]).await;
    assert_eq!(exit, 5, "{printed}");
    assert!(printed.contains("wait a minute"), "{printed}");
    assert_eq!(std::fs::read_to_string(home.config_file()).expect("a configuration"), before);
}

#[tokio::test]
async fn a_device_without_a_name_can_be_paired() {
    let (server, database, _) = set_up().await;
    database.execute("UPDATE heartbeat.devices SET name = NULL").await;
    let code = server.owner().pairing_code(0).await;
    let home = AgentHome::new();
    let (exit, printed) = home.run(&["pair", &server.url(), &code]).await;
    assert_eq!(exit, 0, "{printed}");
    assert!(printed.contains("Paired as a device without a name."), "{printed}");
    assert_eq!(home.run(&["once"]).await.0, 0);
}
