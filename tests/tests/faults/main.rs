//! Fault injection: processes killed or frozen, databases that crash, fill up or refuse writes, clocks set back. In
//! each case no acknowledged beat is lost, and Heartbeat recovers by itself. `make soak` runs more rounds.

mod clock_set_back;
mod interrupted_setup;
mod killed_database;
mod killed_far_database;
mod killed_server;
mod many_starts;
mod refusing_database;
mod stopped_under_load;
mod strange_values;
mod thawed_function;

use heartbeat_tests::is_soak;

/// Number of kills in a test.
fn rounds() -> i64 {
    if is_soak() { 20 } else { 3 }
}
