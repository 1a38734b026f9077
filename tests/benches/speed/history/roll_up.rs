//! Beats while the roll-up reads the latest ones, or all that are older, compared with beats without a roll-up.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use heartbeat_tests::{Database, Server};

use super::BEATS;
use crate::{
    beats::Measurements,
    load::Load,
    table::{Table, Target},
};

const ROUNDS: usize = 3;

/// Duration of one measurement. The roll-up reads the latest beats once in that time.
const MEASUREMENT_TIME: Duration = Duration::from_secs(10);

/// Duration of one measurement beside the reading of older beats, which goes on all the time.
const CATCHING_UP_TIME: Duration = Duration::from_secs(3);

/// The least number of beats that are to be read in a second: 10 million in two minutes.
const RATE_MIN: f64 = 10_000_000.0 / 120.0;

/// Interval of looks at how far the roll-up is.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Timeout of the roll-up as a whole.
const TIMEOUT: Duration = Duration::from_mins(20);

/// What the roll-up does while beats are measured.
#[derive(Debug, Clone, Copy)]
enum State {
    /// Nothing: its row, without which it has nothing to claim, is gone.
    Off,
    /// It reads the latest beats, as it does from day to day.
    Latest,
    /// It reads all beats from the first one on, as after an upgrade.
    Older,
}

/// States in the order of a round. The first two change places from round to round, since each follows something else.
const STATES: [State; 3] = [State::Off, State::Latest, State::Older];

impl State {
    async fn set(self, database: &Database) {
        match self {
            Self::Off => database.execute("DELETE FROM heartbeat.roll_up").await,
            Self::Latest => start_from(database, "now() - interval '1 minute'").await,
            Self::Older => start_over(database).await,
        }
    }

    fn measurement_time(self) -> Duration {
        match self {
            Self::Off | Self::Latest => MEASUREMENT_TIME,
            Self::Older => CATCHING_UP_TIME,
        }
    }
}

/// Measures beats in each state in turns, and how fast all are read.
pub(super) async fn measure(
    table: &mut Table,
    database: &Database,
    server: &Server,
    tokens: &Arc<[Vec<u8>]>,
) {
    for (line, connections) in BEATS {
        let load = Load { port: server.port(), connections, requests: Arc::clone(tokens) };
        let mut measurements = STATES.map(|_| Measurements::default());
        for round in 0..ROUNDS {
            for number in if round % 2 == 0 { [0, 1, 2] } else { [1, 0, 2] } {
                let state = STATES[number];
                state.set(database).await;
                measurements[number].push(load.run(state.measurement_time()).await);
                if matches!(state, State::Older) {
                    assert!(!is_caught_up(database).await, "the roll-up was done before the measurement was");
                }
            }
        }
        let [off, latest, older] = measurements;
        table.heading(&format!("beats, {line}"), "no roll-up");
        for (beside, measured, rate, p99) in [
            ("the roll-up", &latest, Target::AtLeast(0.9), Target::None),
            ("reading older beats", &older, Target::None, Target::AtMost(2.0)),
        ] {
            table.ratio(&format!("{line}, beside {beside}"), "/s", measured.rate(), off.rate(), rate);
            table.ratio(&format!("{line}, beside {beside}, p99"), "µs", measured.p99(), off.p99(), p99);
        }
    }
    let load = Load { port: server.port(), connections: 1, requests: Arc::clone(tokens) };
    start_over(database).await;
    let (started, before) = (Instant::now(), rolled_up_beats(database).await);
    while !is_caught_up(database).await {
        // Beats go on meanwhile.
        load.run(CATCHING_UP_TIME).await;
        assert!(started.elapsed() < TIMEOUT, "the roll-up takes too long");
    }
    let beats = rolled_up_beats(database).await - before;
    #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
    let rate = beats as f64 / started.elapsed().as_secs_f64();
    table.heading("older beats that are read beside beats, 1 at a time", "10M in 2 min");
    table.ratio("older beats", "/s", rate, RATE_MIN, Target::AtLeast(1.0));
}

/// Waits until all beats are read but the latest ones.
pub(super) async fn caught_up(database: &Database) {
    wait_until("all beats are read", async || is_caught_up(database).await).await;
}

/// Has all beats read again, and waits until that has begun.
async fn start_over(database: &Database) {
    start_from(database, "'-infinity'").await;
    let begun = "SELECT count(*) FROM heartbeat.roll_up WHERE isfinite(rolled_until)";
    wait_until("the roll-up begins", async || database.number(begun).await == 1).await;
}

/// Has the beats since a time, an SQL expression, read anew.
async fn start_from(database: &Database, time: &str) {
    let insert = format!("INSERT INTO heartbeat.roll_up (rolled_until) VALUES ({time})");
    database.execute(&format!("DELETE FROM heartbeat.roll_up; {insert}")).await;
}

async fn is_caught_up(database: &Database) -> bool {
    let latest = "SELECT count(*) FROM heartbeat.roll_up WHERE rolled_until > now() - interval '5 minutes'";
    database.number(latest).await == 1
}

/// Returns the number of beats that were read.
async fn rolled_up_beats(database: &Database) -> i64 {
    let beats = "SELECT COALESCE(sum(number), 0)::bigint
                 FROM heartbeat.presence, unnest(beats) AS quarter (number) WHERE device = -1";
    database.number(beats).await
}

async fn wait_until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < TIMEOUT, "timeout: {what}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
