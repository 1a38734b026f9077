//! `GET /api/history`: a year of each of ten devices.

use std::time::Duration;

use heartbeat_tests::{Database, Server, server::SECRET_KEY};

use crate::{
    beats::{self, Measurements},
    load::{Load, request},
    table::{Table, Target},
};

const DEVICES: usize = 10;

const ROUNDS: usize = 5;
const MEASUREMENT_TIME: Duration = Duration::from_secs(1);

/// Steps, and the longest time that an answer may take, in milliseconds.
const STEPS: [(&str, f64); 2] = [("day", 5.0), ("hour", 20.0)];

/// Days of which presence is read: the last ones, which a server keeps in memory, and some that begin before those.
const YEARS: [(&str, i32, i32); 2] = [("in memory", 364, 0), ("from the database", 394, 30)];

/// Measures answers to one client. They hold as much as answers may: each device was in use in every minute of the year.
pub(super) async fn measure(table: &mut Table, database: &Database, server: &Server) {
    beats::devices(server, DEVICES - 1).await;
    database
        .execute(
            "INSERT INTO heartbeat.presence (device, day, minutes, beats)
             SELECT device, now()::date - day, array_fill(32767::smallint, ARRAY[96]), array_fill(15, ARRAY[96])
             FROM (SELECT id FROM heartbeat.devices UNION ALL SELECT -1) AS devices (device)
             CROSS JOIN generate_series(1, 400) AS day
             ON CONFLICT (device, day) DO UPDATE SET minutes = EXCLUDED.minutes, beats = EXCLUDED.beats",
        )
        .await;
    table.heading("GET /api/history, a year of a device, p50", "must be less");
    for (from_where, first, last) in YEARS {
        for (step, limit) in STEPS {
            let date = async |days: i32| database.text(&format!("SELECT (now()::date - {days})::text")).await;
            let path = format!("/api/history?step={step}&from={}&to={}", date(first).await, date(last).await);
            let of_device = |device| request("GET", &format!("{path}&device={device}"), SECRET_KEY);
            let requests = (0..DEVICES).map(of_device).collect();
            let load = Load { port: server.port(), connections: 1, requests };
            let mut times = Measurements::default();
            for _ in 0..ROUNDS {
                times.push(load.run(MEASUREMENT_TIME).await);
            }
            table.ratio(
                &format!("by {step}, {from_where}"),
                "ms",
                times.p50() / 1e3,
                limit,
                Target::AtMost(1.0),
            );
        }
    }
}
