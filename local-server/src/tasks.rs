//! Background tasks of the server: started, watched, and stopped together.

use std::{collections::HashMap, time::Duration};

use tokio::{
    sync::watch,
    task::{Id, JoinSet},
    time::timeout,
};

/// Tasks that run beside the requests.
#[derive(Debug)]
pub(crate) struct Tasks {
    running: JoinSet<()>,
    names: HashMap<Id, &'static str>,
    stop: watch::Sender<bool>,
}

/// Signal that tells a task to stop.
#[derive(Debug, Clone)]
pub(crate) struct StopSignal(watch::Receiver<bool>);

impl StopSignal {
    /// Waits until the task is told to stop.
    pub(crate) async fn received(mut self) {
        // An error means that the sender is gone, which stops the task as well.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

impl Tasks {
    pub(crate) fn new() -> Self {
        Self { running: JoinSet::new(), names: HashMap::new(), stop: watch::Sender::new(false) }
    }

    /// Starts a task, which must end soon after its stop signal, and not before.
    pub(crate) fn start<F>(&mut self, name: &'static str, task: impl FnOnce(StopSignal) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let handle = self.running.spawn(task(StopSignal(self.stop.subscribe())));
        self.names.insert(handle.id(), name);
    }

    /// Waits until a task ends without a stop signal, as one that panics does, and returns its name.
    pub(crate) async fn ended(&mut self) -> &'static str {
        match self.running.join_next_with_id().await {
            Some(ended) => {
                let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                self.names.get(&id).copied().unwrap_or_default()
            }
            None => std::future::pending().await,
        }
    }

    /// Signals all tasks to stop and waits until they have. Returns the names of those that did not within
    /// `stop_timeout`, which are aborted.
    pub(crate) async fn stop(mut self, stop_timeout: Duration) -> Vec<&'static str> {
        self.stop.send_replace(true);
        let all = async {
            while let Some(ended) = self.running.join_next_with_id().await {
                let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                self.names.remove(&id);
            }
        };
        if timeout(stop_timeout, all).await.is_ok() {
            return Vec::new();
        }
        self.names.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tasks_are_told_to_stop_and_those_that_do_not_are_named() {
        let mut tasks = Tasks::new();
        tasks.start("obedient", StopSignal::received);
        tasks.start("stubborn", |_| std::future::pending());
        assert_eq!(tasks.stop(Duration::from_millis(50)).await, ["stubborn"]);
    }

    #[tokio::test]
    async fn a_task_that_panics_is_noticed() {
        let mut tasks = Tasks::new();
        tasks.start("obedient", StopSignal::received);
        tasks.start("broken", |_| async { panic!("as this test wants") });
        assert_eq!(tasks.ended().await, "broken");
    }
}
