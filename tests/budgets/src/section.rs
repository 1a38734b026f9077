//! The part of a program that is counted: an operation, done some times over by a process that has warmed up.
//!
//! What depends on time is held still so:
//!
//! - The clock that requests read stands still, so that stats, pages and badges stay in their caches; operations that
//!   are about a new second set it forward themselves.
//! - The database's clock and the timers of the worker go on. A shorter statement records beats within a second of one
//!   that moved `stats`, and visits are written a second after the first of them. So each attempt waits until all
//!   of that is over, warms up, which begins that second anew, and counts if it ends within it.
//! - One thread: what is done is done in the same order each time.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use crate::operations::{Operation, Process};

/// Time after which nothing of an earlier attempt is left: visits are written, and a beat moves `stats` again.
const SETTLE_DELAY: Duration = Duration::from_millis(1_200);

/// Time from the first warm-up within which an attempt must end, if the operation is of one second.
const SECTION_TIMEOUT: Duration = Duration::from_millis(900);

/// Number of attempts.
const ATTEMPTS: usize = 8;

/// How often the operation is done before it is counted.
const WARM_UPS: u32 = 3;

/// Ends a part of the program; callgrind finds it by its name.
#[inline(never)]
fn boundary() {
    black_box(());
}

/// Does an operation between the last two boundaries of this process.
pub(crate) async fn count(operation: Operation) {
    let process = Process::start(operation).await;
    for _ in 0..ATTEMPTS {
        tokio::time::sleep(SETTLE_DELAY).await;
        let started = Instant::now();
        for number in 0..WARM_UPS {
            operation.run(&process, number).await;
        }
        // The worker looks at the first visit.
        tokio::time::sleep(Duration::from_millis(10)).await;
        boundary();
        for number in WARM_UPS..WARM_UPS + operation.times() {
            operation.run(&process, number).await;
        }
        boundary();
        if started.elapsed() < SECTION_TIMEOUT || !operation.is_of_one_second() {
            return;
        }
    }
    panic!("{}: this machine does not do it {} times in a second", operation.name(), operation.times());
}
