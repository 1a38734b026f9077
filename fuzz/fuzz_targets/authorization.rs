//! Fuzz target: the `Authorization` header.

#![no_main]

use heartbeat_functions::fuzz::authorization;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| authorization(bytes));
