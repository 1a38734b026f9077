//! Fuzz target: the `Forwarded` and `X-Forwarded-For` headers.

#![no_main]

use heartbeat_functions::fuzz::forwarded;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| forwarded(bytes));
