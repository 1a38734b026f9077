//! What goes wrong on real machines: processes that are killed or frozen, databases that die, fill up or
//! refuse, clocks that are set back. In each case no acknowledged beat is lost, and Heartbeat recovers
//! by itself. `make soak` does it longer.

mod clock_set_back;
mod interrupted_setup;
mod killed_database;
mod killed_server;
mod many_starts;
mod refusing_database;
mod stopped_under_load;
mod thawed_function;

/// Whether there is time.
fn soak() -> bool {
    std::env::var_os("SOAK").is_some()
}

/// How often something is killed.
fn rounds() -> i64 {
    if soak() { 20 } else { 3 }
}
