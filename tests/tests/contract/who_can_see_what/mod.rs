//! What strangers can see: a walk through every route in every format, with a hidden device, and with each precision.

mod publishing;
mod steps;
mod world;

use heartbeat_core::{
    Heartbeat,
    database::{Pooler, Target},
    notify::subscriptions::Subscriptions,
    runtime::Runtime,
    settings::{Choices, Precision},
};
use heartbeat_tests::{Database, Server, ServerBuilder, eventually};
use reqwest::Method;
use time::OffsetDateTime;

use world::{HIDDEN, PUBLIC, World, assert_unnamed, next_read, walk, within_a_second};

#[tokio::test]
async fn a_hidden_device_counts_and_strangers_find_it_nowhere() {
    let world = World::new(&[]).await;
    world.laptop.beat().await;
    let mut viewers = [world.servers[0].viewer().await, world.servers[1].viewer_of_changes().await];
    world.hidden.beat().await;
    world.hidden.beat().await;
    // The last beat is one of the hidden device, so no device is named for it.
    world
        .database
        .execute("UPDATE heartbeat.devices SET last_beat = last_beat - interval '1 hour' WHERE id = 0")
        .await;
    for stranger in world.strangers() {
        eventually("all beats", async || stranger.stats().await["total_beats"] == 3).await;
        eventually("a time of the laptop", async || {
            let stats = stranger.stats().await;
            stats["devices"][0]["last_beat"].as_i64() < stats["last_seen"].as_i64()
        })
        .await;
        let stats = stranger.stats().await;
        assert_eq!(stats["devices"].as_array().map(Vec::len), Some(1), "{stats}");
        let seen = walk(&stranger).await;
        assert_unnamed(&seen, HIDDEN);
        for (request, seen_of_hidden) in seen.iter().filter(|(request, _)| request.contains("device=1")) {
            if request.contains("/badge/") {
                assert_eq!(seen_of_hidden.0, 404, "{request}");
            }
            let seen_of_none = seen.get(&request.replace("device=1", "device=2"));
            assert!(seen_of_none.is_none_or(|seen_of_none| seen_of_none == seen_of_hidden), "{request}");
        }
        let page = stranger.get("/").await.body;
        assert!(page.contains("Here now") && page.contains(r#"<span class="on" hidden>"#), "{page}");
    }
    // What scrapes metrics may show them to others.
    let metrics = world.servers[0].owner().get("/metrics").await;
    assert!(metrics.status == 200 && !metrics.body.contains(HIDDEN), "{metrics}");
    for viewer in &mut viewers {
        loop {
            let (frame, _) = viewer.frame().await.expect("a frame");
            assert!(!frame.contains(HIDDEN), "{frame}");
            if frame.contains("\"total_beats\":3") {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_device_that_is_hidden_archived_or_erased_vanishes_at_once() {
    for settings in [&[][..], &[("HEARTBEAT_PRECISION", "week")]] {
        let world = World::new(settings).await;
        world.beats().await;
        world.pass(Precision::Week.seconds()).await;
        let owner = world.servers[0].owner();
        let [one, other] = world.strangers();
        let changes = [
            (Method::PATCH, r#"{"visibility": "hidden"}"#, r#"{"visibility": "public"}"#),
            (Method::PATCH, r#"{"archived": true}"#, r#"{"archived": false}"#),
            (Method::DELETE, "", ""),
        ];
        for (method, change, restoration) in changes {
            for stranger in [&one, &other] {
                eventually("a device", async || stranger.stats().await.to_string().contains(PUBLIC)).await;
            }
            let response = owner.send(method.clone(), "/api/devices/0", change.into()).await;
            assert!((200..300).contains(&response.status), "{response}");
            let stats = one.stats().await;
            assert_eq!(stats["devices"].to_string(), "[]", "{change}");
            let beats_left = if method == Method::DELETE { 2 } else { 4 };
            assert_eq!(stats["total_beats"], beats_left, "{change}");
            let is_gone = async || !other.stats().await.to_string().contains(PUBLIC);
            within_a_second("a device that is gone", is_gone).await;
            for stranger in [&one, &other] {
                assert_unnamed(&walk(stranger).await, PUBLIC);
            }
            if method != Method::DELETE {
                owner.send(method, "/api/devices/0", restoration.into()).await;
            }
        }
    }
}

#[tokio::test]
async fn what_the_owner_chooses_applies_everywhere_within_a_second_unless_the_configuration_sets_it() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).start().await;
    let configured = ServerBuilder::on(&database).environment("HEARTBEAT_PRECISION", "exact").start().await;
    let target = Target::new(database.url().parse().expect("options"), Pooler::None);
    #[expect(clippy::disallowed_methods, reason = "the clock of another process")]
    let clock = OffsetDateTime::now_utc;
    let owner =
        Heartbeat::start(&target, clock, Runtime::Server, Subscriptions::default(), Choices::default());
    let is_by_the_day =
        async |server: &Server| server.stranger().get("/").await.body.contains(r#"data-precision="day""#);
    assert!(!is_by_the_day(&server).await);
    let chosen = Choices { precision: Some(Precision::Day), ..Choices::default() };
    owner.choose(chosen.clone()).await.expect("a choice");
    assert_eq!(owner.settings().await.expect("settings").chosen, chosen);
    within_a_second("the choice", async || is_by_the_day(&server).await).await;
    next_read(&configured).await;
    assert!(!is_by_the_day(&configured).await);
}
