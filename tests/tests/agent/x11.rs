//! X.org, as Xvfb.

use heartbeat_tests::rigs::{Xvfb, installed, xvfb};

use crate::{beats, set_up};

#[tokio::test]
async fn input_makes_a_beat_and_its_absence_before_the_start_does_not_count() {
    if !installed(xvfb::PROGRAMS) {
        return;
    }
    let desktop = Xvfb::start().await;
    desktop.move_mouse().await;
    let (_server, database, home) = set_up().await;
    let mut agent = home.environment("DISPLAY", desktop.display()).start(&[]);
    // Input before the start, as when an agent is started again on a machine that was left.
    agent.wait_for("no input since the agent started").await;
    assert_eq!(agent.status().await["source"], "x11");
    assert_eq!(beats(&database).await, 0);
    desktop.type_key().await;
    agent.wait_for("200: recorded").await;
    assert_eq!(beats(&database).await, 1);
}
