//! The watchdog: a service elsewhere that is told each minute that alerts are evaluated, and that tells its owner when it
//! hears nothing any more. That covers what no alert of ours can: that this server is down.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};
use url::Url;

use super::http::SEND_TIMEOUT;
use crate::{secret::Secret, tls};

/// Interval at which it is told at most: a minute, less half of that of evaluations, so that none of a minute is missed.
const INTERVAL: Duration = Duration::from_secs(55);

/// Tells the watchdog.
#[derive(Debug)]
pub struct Watchdog {
    url: Secret<Url>,
    client: reqwest::Client,
    /// When it was last due.
    due_at: Mutex<Option<Instant>>,
    due: Notify,
}

impl Watchdog {
    /// Returns one that fetches `url`, which may allow others to tell the same. It follows no redirects: such services answer
    /// at once.
    ///
    /// # Panics
    ///
    /// Never: what could fail is fixed when the program is built.
    #[must_use]
    pub fn new(url: Secret<Url>) -> Self {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config())
            .timeout(SEND_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("Heartbeat/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { url, client: client.expect("a client"), due_at: Mutex::default(), due: Notify::new() }
    }

    /// Notes that alerts were evaluated at the time `now`. Returns at once: [`run`](Self::run) tells the watchdog.
    pub fn note_evaluation(&self, now: Instant) {
        let mut due_at = self.due_at.lock().unwrap_or_else(PoisonError::into_inner);
        if due_at.is_none_or(|due_at| now.saturating_duration_since(due_at) >= INTERVAL) {
            *due_at = Some(now);
            self.due.notify_one();
        }
    }

    /// Tells the watchdog of evaluations, for ever.
    pub async fn run(&self) {
        loop {
            self.due.notified().await;
            self.tell().await;
        }
    }

    /// Tells the watchdog once. A failure is logged; after the next minute it is told again.
    pub async fn tell(&self) {
        let response = self.client.get(self.url.expose().clone()).send().await;
        // The library's own text holds the URL, which is a secret.
        let reason = match response {
            Ok(response) if response.status().is_success() => return,
            Ok(response) => format!("status {}", response.status().as_u16()),
            Err(error) if error.is_timeout() => "no answer in time".to_owned(),
            Err(error) if error.is_connect() => "cannot connect".to_owned(),
            Err(_) => "the connection broke".to_owned(),
        };
        tracing::warn!(%reason, "the watchdog could not be told");
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn it_is_told_once_a_minute_however_often_alerts_are_evaluated() {
        let url = Url::parse("http://127.0.0.1:1/").expect("a URL");
        let watchdog = Watchdog::new(Secret::new(url));
        let start = Instant::now();
        let told = (0..18_u64).filter(|tick| {
            watchdog.note_evaluation(start + Duration::from_secs(10 * tick));
            watchdog.due.notified().now_or_never().is_some()
        });
        assert_eq!(told.collect::<Vec<_>>(), [0, 6, 12]);
    }
}
