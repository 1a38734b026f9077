//! Fuzz target: the query of badges.

#![no_main]

use heartbeat_functions::fuzz::badge_query;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| badge_query(bytes));
