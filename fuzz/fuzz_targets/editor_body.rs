//! Fuzz target: the body of `POST /api/v1/users/current/heartbeats.bulk`.

#![no_main]

use heartbeat_functions::fuzz::editor_body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| editor_body(bytes));
