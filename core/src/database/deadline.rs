//! A timer for deadlines that are seldom reached.

use std::{future::poll_fn, pin::Pin, task::Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// Ends work at its deadline, like `tokio::time::timeout_at`, with one timer for all of it: the timer is set again only
/// when it fires, or when the next deadline is earlier. Setting it for each statement would make tokio wake its own
/// thread, up to two system calls a beat, since the new time is earlier than any other that it waits for.
#[derive(Debug, Default)]
pub(super) struct DeadlineTimer(Option<Pin<Box<Sleep>>>);

impl DeadlineTimer {
    /// Runs `work`; `None` if it is not done at `deadline`. It is pinned by the caller, where it is not moved and so takes
    /// its memory once.
    pub(super) async fn run<T>(
        &mut self,
        deadline: Instant,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Option<T> {
        let timer = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        poll_fn(|context| {
            if let Poll::Ready(result) = work.as_mut().poll(context) {
                return Poll::Ready(Some(result));
            }
            while timer.as_mut().poll(context).is_ready() {
                if timer.deadline() >= deadline {
                    return Poll::Ready(None);
                }
                // It was set for work that is done.
                timer.as_mut().reset(deadline);
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, pin::pin, time::Duration};

    use tokio::time::sleep;

    use super::*;

    const UNIT: Duration = Duration::from_millis(10);

    #[tokio::test]
    async fn work_does_not_end_before_its_deadline_whatever_the_timer_was_set_for() {
        let mut timer = DeadlineTimer::default();
        // Later than the last one, earlier, and later again.
        for units in [2, 3, 1, 2] {
            let deadline = Instant::now() + units * UNIT;
            assert_eq!(timer.run(deadline, pin!(pending::<()>())).await, None);
            assert!(Instant::now() >= deadline);
        }
    }

    #[tokio::test]
    async fn a_timer_that_was_set_for_work_that_is_done_does_not_end_the_next() {
        let mut timer = DeadlineTimer::default();
        timer.run(Instant::now() + UNIT, pin!(async {})).await;
        let next = timer.run(Instant::now() + Duration::from_mins(1), pin!(sleep(3 * UNIT))).await;
        assert_eq!(next, Some(()));
    }

    #[tokio::test]
    async fn a_deadline_that_has_passed_ends_work_that_waits() {
        let mut timer = DeadlineTimer::default();
        timer.run(Instant::now() + Duration::from_mins(1), pin!(async {})).await;
        assert_eq!(timer.run(Instant::now(), pin!(pending::<()>())).await, None);
    }
}
