//! `/` and `/stats` where the public stats change at boundaries alone.

use heartbeat_tests::{Browser, Database, Server};

use crate::{at_fixed_port, url};

in_both_browsers!(ages_stand_still_between_boundaries_and_go_on_at_them);

/// Lets an hour pass, in that all that happened is an hour longer ago.
pub(super) const AN_HOUR_LATER: &str = "
    BEGIN;
    UPDATE heartbeat.beats SET time_stamp = time_stamp - interval '1 hour';
    UPDATE heartbeat.devices
        SET last_beat = last_beat - interval '1 hour', created_at = created_at - interval '1 hour';
    UPDATE heartbeat.stats SET last_beat = last_beat - interval '1 hour';
    UPDATE heartbeat.published_stats SET as_of = as_of - interval '1 hour';
    UPDATE heartbeat.published_devices SET last_beat = last_beat - interval '1 hour';
    COMMIT;
";

/// Frames of the stream, one a second, in whose time an age that counts would have changed.
const OBSERVED: u8 = 3;

/// Waits for as long as it takes that something which counts has changed: there is no event of nothing.
pub(super) async fn observe(server: &Server) {
    let mut viewer = server.viewer().await;
    for _ in 0..OBSERVED {
        viewer.stats().await;
    }
}

async fn ages_stand_still_between_boundaries_and_go_on_at_them(browser: Browser) {
    let database = Database::create().await;
    let server = at_fixed_port(&database).environment("HEARTBEAT_PRECISION", "hour").start().await;
    let laptop = server.device("Laptop").await;
    laptop.beat().await;
    database.execute(AN_HOUR_LATER).await;
    browser.open(&url(&server, "/")).await;
    browser.wait_for_text(".age", "1 hr").await;
    browser.wait_for_text(".steps", "Shown by the hour").await;
    browser.wait_for_text("#verdict", "Last heartbeat, on Laptop").await;
    // The page may have been opened before the beat showed; then its days come a little later.
    browser.wait_for_text(".days", "Time zone").await;
    assert_eq!(browser.run("return document.querySelector('main').dataset.recency").await, "recent");
    let shown = "return [document.title, document.querySelector('main').innerText].join()";
    let before = browser.run(shown).await;
    laptop.beat().await;
    observe(&server).await;
    assert_eq!(browser.run(shown).await, before);
    database.execute(AN_HOUR_LATER).await;
    browser.wait_for_text("[data-number=total_beats]", "2").await;
    browser.wait_for_text(".age", "1 hr").await;
    browser.open(&url(&server, "/stats")).await;
    browser.wait_for_text(".steps", "Shown by the hour").await;
    let before = browser.run(shown).await;
    observe(&server).await;
    assert_eq!(browser.run(shown).await, before);
    assert_eq!(browser.console().await, Vec::<String>::new());
    browser.save_screenshot("precision").await;
}
