//! When figures move on to a boundary, and what strangers see where they cannot, or where the clock was wrong.

use heartbeat_core::settings::Precision;
use heartbeat_tests::{Client, Database, Server, eventually};
use serde_json::Value;
use sqlx::{Connection, Executor, PgConnection};

use super::world::{World, next_read};

/// What strangers see of the figures: the moment that they are of, and numbers of beats.
fn figures(stats: &Value) -> (i64, i64) {
    let number = |name: &str| stats[name].as_i64().expect(name);
    (number("last_seen") + number("last_seen_relative"), number("total_beats"))
}

/// A world with figures of the last boundary, which have all beats.
async fn by_the_day() -> World {
    let world = World::new(&[("HEARTBEAT_PRECISION", "day")]).await;
    world.beats().await;
    world.pass(Precision::Day.seconds()).await;
    for stranger in world.strangers() {
        eventually("the beats", async || stranger.stats().await["total_beats"] == 4).await;
    }
    world
}

/// Has every step wait until the connection is closed.
async fn lock(database: &Database) -> PgConnection {
    database
        .execute(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END $$;
             CREATE TRIGGER wait BEFORE INSERT ON heartbeat.published_devices
             FOR EACH ROW EXECUTE FUNCTION wait();",
        )
        .await;
    let mut connection = database.connect().await;
    connection.execute("SELECT pg_advisory_lock(1)").await.expect("a lock");
    connection
}

#[tokio::test]
async fn readers_see_figures_of_an_older_boundary_until_a_job_has_moved_them_on() {
    let world = by_the_day().await;
    let lock = lock(&world.database).await;
    world.beats().await;
    world.pass(Precision::Day.seconds()).await;
    let total = async |stranger: &Client| {
        let response = stranger.get("/api/stats").await;
        assert_eq!(response.status, 200, "{response}");
        response.json()["total_beats"].as_i64()
    };
    // Longer than any other statement may take.
    let job = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
               AND wait_event_type = 'Lock' AND clock_timestamp() - query_start > interval '3 s'";
    eventually("a job that waits for long", async || {
        for stranger in world.strangers() {
            assert_eq!(total(&stranger).await, Some(4));
        }
        world.database.number(job).await > 0
    })
    .await;
    lock.close().await.expect("the end");
    for stranger in world.strangers() {
        eventually("all beats", async || total(&stranger).await == Some(8)).await;
    }
}

#[tokio::test]
async fn exact_stats_are_shown_even_if_old_figures_cannot_be_removed() {
    let (server, database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    database
        .execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
             CREATE TRIGGER refuse BEFORE DELETE ON heartbeat.published_stats
             FOR EACH ROW EXECUTE FUNCTION refuse();
             INSERT INTO heartbeat.published_stats (as_of, visits, longest_absence) VALUES (now(), 0, '0');",
        )
        .await;
    for beats in 1..=2 {
        laptop.beat().await;
        next_read(&server).await;
        assert_eq!(server.stranger().stats().await["total_beats"], beats);
    }
    database.execute("DROP TRIGGER refuse ON heartbeat.published_stats").await;
    let left = "SELECT count(*) FROM heartbeat.published_stats";
    eventually("no figures", async || database.number(left).await == 0).await;
}

#[tokio::test]
async fn after_the_clock_was_set_back_figures_stay_or_become_those_of_a_boundary() {
    let world = by_the_day().await;
    let [stranger, _] = world.strangers();
    let before = figures(&stranger.stats().await);
    let set_forward = async |interval: &str| {
        let sql = format!("UPDATE heartbeat.published_stats SET as_of = now() + interval '{interval}'");
        world.database.execute(&sql).await;
    };
    // Within the tolerance.
    set_forward("1 hour").await;
    world.beats().await;
    next_read(&world.servers[0]).await;
    assert_eq!(figures(&stranger.stats().await).1, before.1);
    assert!(world.as_of().await > before.0);
    // More than that.
    set_forward("2 days").await;
    eventually("figures of a boundary", async || figures(&stranger.stats().await) == before).await;
}
