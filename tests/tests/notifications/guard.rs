//! Servers that channels may not point to.

use heartbeat_tests::{
    Function, eventually,
    fake_discord::{Behavior, FakeDiscord},
    fake_ntfy,
};
use serde_json::{Value, json};

use crate::channel::{add, fire, prepared, waiting};

const FORBIDDEN: &str = "the server is at an address that channels may not point to";

fn settings(server: &str) -> Value {
    json!({ "server": server, "topic": fake_ntfy::OPEN_TOPIC })
}

#[tokio::test]
async fn a_server_sends_nothing_to_link_local_and_metadata_addresses() {
    let (builder, database) = prepared().await;
    let mut channels = Vec::new();
    for server in
        ["http://169.254.169.254/latest", "http://[::ffff:169.254.169.254]/", "http://[fd00:ec2::254]/"]
    {
        let channel = add(&database, "ntfy", "owner", &settings(server)).await;
        fire(&database, channel).await;
        channels.push(channel);
    }
    // What it may point to: this machine.
    let mut ntfy = fake_ntfy::start().await;
    let allowed =
        add(&database, "ntfy", "owner", &settings(&ntfy.url.replace("127.0.0.1", "localhost"))).await;
    fire(&database, allowed).await;
    let mut server = builder.start().await;
    ntfy.taken("/").await;
    for channel in channels {
        let line = server.wait_for(&format!("channel settings channel={channel} ")).await;
        assert!(line.contains(&format!("problem=server: {FORBIDDEN}")), "{line}");
        assert_eq!(database.number(&waiting(channel)).await, 1);
    }
}

#[tokio::test]
async fn a_function_sends_nothing_to_this_machine_by_address_or_by_name() {
    let (_, database) = prepared().await;
    let ntfy = fake_ntfy::start().await;
    let by_address = add(&database, "ntfy", "owner", &settings(&ntfy.url)).await;
    let by_name =
        add(&database, "ntfy", "owner", &settings(&ntfy.url.replace("127.0.0.1", "localhost"))).await;
    for channel in [by_address, by_name] {
        fire(&database, channel).await;
    }
    let minutely = Function::start("minutely", &database, &[]).await;
    minutely.invoke(json!({})).await.expect("an end");
    let rarely = format!(
        "SELECT count(*) FROM heartbeat.dispatch_leases
         WHERE channel = 'channel:{by_name}' AND due_at > now() + interval '9 minutes'"
    );
    eventually("a long delay", async || database.number(&rarely).await == 1).await;
    for channel in [by_address, by_name] {
        assert_eq!(database.number(&waiting(channel)).await, 1);
    }
    assert_eq!(ntfy.attempts(), 0);
    eventually("the reason in the log", async || minutely.log().contains(FORBIDDEN)).await;
}

#[tokio::test]
async fn the_channel_of_the_configuration_is_no_exception_on_lambda() {
    let (_, database) = prepared().await;
    let discord = FakeDiscord::start(Behavior::Accepts).await;
    for url in [discord.url.clone(), discord.url.replace("127.0.0.1", "localhost")] {
        let event = "INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
                     VALUES ('config:discord', 'test', now(), '{}')";
        database.execute(event).await;
        let minutely = Function::start("minutely", &database, &[("HEARTBEAT_WEBHOOK_URL", &url)]).await;
        minutely.invoke(json!({})).await.expect("an end");
        eventually("the reason in the log", async || minutely.log().contains(FORBIDDEN)).await;
    }
    assert!(discord.attempts().is_empty());
}

#[tokio::test]
async fn behind_a_proxy_addresses_are_refused_and_names_are_resolved_by_the_proxy() {
    let (_, database) = prepared().await;
    let proxy = fake_ntfy::start().await;
    let by_address = add(&database, "ntfy", "owner", &settings("http://10.0.0.1")).await;
    let metadata = add(&database, "ntfy", "owner", &settings("http://169.254.169.254")).await;
    let by_name = add(&database, "ntfy", "owner", &settings("http://intranet.example")).await;
    for channel in [by_address, metadata, by_name] {
        fire(&database, channel).await;
    }
    let minutely = Function::start("minutely", &database, &[("HTTP_PROXY", &proxy.url)]).await;
    minutely.invoke(json!({})).await.expect("an end");
    assert_eq!(proxy.attempts(), 1);
    for (channel, left) in [(by_address, 1), (metadata, 1), (by_name, 0)] {
        assert_eq!(database.number(&waiting(channel)).await, left);
    }
}
