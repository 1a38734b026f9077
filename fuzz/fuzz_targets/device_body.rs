//! Fuzz target: the body of `POST /api/devices`.

#![no_main]

use heartbeat_functions::fuzz::device_body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| device_body(bytes));
