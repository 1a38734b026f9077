//! With each precision: nothing that strangers see changes but at boundaries.

use heartbeat_core::settings::{Precision, Timezone};
use heartbeat_tests::{Client, eventually};
use serde_json::Value;
use time::OffsetDateTime;

use super::world::{HIDDEN, PUBLIC, World, assert_same, assert_unnamed, next_read, walk};

/// A time zone whose clocks are never set, half an hour off.
const TIMEZONE: &str = "Asia/Kolkata";

/// Fails unless every time in the stats is a boundary, and every age the difference of two.
fn assert_rounded(stats: &Value, precision: Precision) {
    let timezone = Timezone::parse(TIMEZONE).expect("a time zone");
    let is_boundary = |seconds: i64| {
        let time = OffsetDateTime::from_unix_timestamp(seconds).expect("a time");
        precision.boundary(time, &timezone) == time
    };
    let number = |name: &str| stats[name].as_i64().expect(name);
    let as_of = number("last_seen") + number("last_seen_relative");
    for time in [number("last_seen"), as_of, as_of - number("uptime")] {
        assert!(is_boundary(time), "{stats}");
    }
    for device in stats["devices"].as_array().expect("devices") {
        assert!(device["last_beat"].as_i64().is_none_or(is_boundary), "{stats}");
    }
    assert_eq!(number("longest_absence") % precision.seconds(), 0, "{stats}");
    assert!(number("longest_absence") >= number("last_seen_relative"), "{stats}");
}

/// Beats within a step, and fails if strangers notice. `false` if a step ended meanwhile.
async fn nothing_changes_within_a_step(world: &World, newcomer: &str) -> bool {
    let as_of = world.as_of().await;
    let [one, other] = world.strangers();
    let before = walk(&one).await;
    let (mut viewer, mut of_changes) =
        (world.servers[0].viewer().await, world.servers[0].viewer_of_changes().await);
    let (frame, first) = (viewer.frame().await, of_changes.frame().await);
    world.beats().await;
    world.servers[0].owner().register(newcomer).await;
    world.database.execute("UPDATE heartbeat.devices SET name = 'Renamed' WHERE id = 0").await;
    for server in &world.servers {
        next_read(server).await;
    }
    let (after, elsewhere) = (walk(&one).await, walk(&other).await);
    let (later, no_change) = (viewer.frame().await, of_changes.has_no_frame().await);
    if world.as_of().await != as_of {
        return false;
    }
    assert_same(&before, &after, "after beats");
    assert_same(&before, &elsewhere, "in another process");
    let text = |frame: Option<(String, _)>| frame.expect("a frame").0;
    let frame = text(frame);
    assert_eq!((text(first), text(later)), (frame.clone(), frame));
    assert!(no_change, "a frame without a change");
    for name in [HIDDEN, newcomer, "Renamed"] {
        assert_unnamed(&after, name);
    }
    true
}

async fn all_changes_come_at_boundaries(precision: Precision) {
    let settings = [("HEARTBEAT_PRECISION", precision.name()), ("HEARTBEAT_TIMEZONE", TIMEZONE)];
    let world = World::new(&settings).await;
    world.beats().await;
    world.pass(precision.seconds()).await;
    let total = async |stranger: &Client| stranger.stats().await["total_beats"].as_i64();
    let mut beats = 4;
    for newcomer in ["Newcomer", "Latecomer"] {
        for attempt in 1.. {
            for stranger in world.strangers() {
                eventually("all beats before the boundary", async || total(&stranger).await == Some(beats))
                    .await;
                assert_rounded(&stranger.stats().await, precision);
            }
            // What happened before a step ended is public in the next one.
            let is_over = nothing_changes_within_a_step(&world, &format!("{newcomer} {attempt}")).await;
            beats += 4;
            let renamed = format!("UPDATE heartbeat.devices SET name = '{PUBLIC}' WHERE id = 0");
            world.database.execute(&renamed).await;
            world.pass(precision.seconds()).await;
            if is_over {
                break;
            }
        }
    }
    for (number, stranger) in world.strangers().iter().enumerate() {
        eventually("the beats of the last step", async || total(stranger).await == Some(beats)).await;
        let stats = stranger.stats().await;
        assert!(stats["devices"].to_string().contains("Latecomer"), "{number}: {stats}");
    }
    let page = world.servers[0].stranger().get("/").await.body;
    assert!(page.contains(&format!(r#"data-precision="{}""#, precision.name())), "{page}");
}

#[tokio::test]
async fn by_the_minute_all_changes_come_at_boundaries() {
    all_changes_come_at_boundaries(Precision::Minute).await;
}

#[tokio::test]
async fn by_the_quarter_all_changes_come_at_boundaries() {
    all_changes_come_at_boundaries(Precision::Quarter).await;
}

#[tokio::test]
async fn by_the_hour_all_changes_come_at_boundaries() {
    all_changes_come_at_boundaries(Precision::Hour).await;
}

#[tokio::test]
async fn by_the_day_all_changes_come_at_boundaries() {
    all_changes_come_at_boundaries(Precision::Day).await;
}

#[tokio::test]
async fn by_the_week_all_changes_come_at_boundaries() {
    all_changes_come_at_boundaries(Precision::Week).await;
}
