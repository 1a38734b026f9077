//! Fuzz target: the body of `POST /api/pair`.

#![no_main]

use heartbeat_functions::fuzz::pairing_body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pairing_body(bytes));
