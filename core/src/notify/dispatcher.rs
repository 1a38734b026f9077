//! The dispatcher: takes events from the outbox and sends them through channels. Each channel's events are
//! delivered in order and at least once, however many dispatchers there are; channels do not wait for each
//! other's order.

use std::{pin::pin, time::Duration};

use futures_util::future::join_all;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use super::{
    channels::KeyedChannel,
    delivery::{DELIVERY_TIMEOUT, Delivery, QUOTA_DELAY_MAX, Round, STATEMENT_TIMEOUT},
    event::EventKind,
    http::Http,
    setup::Setup,
};
use crate::{
    Error, Heartbeat,
    channel::CONFIGURED_ID,
    database::{channels::all, dispatch_leases, settings},
    runtime::Runtime,
    settings::{OwnerSettings, Precision, Settings},
};

/// Poll interval for events written by other processes, and events that these could not deliver.
const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// The same while events wait for some channel: an event for another one is not noticed any sooner, as waking up
/// for each event would keep the database busy while a service is down.
const BUSY_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Time for which one channel gets message after message before all channels are looked at again: a channel whose service is
/// slow holds up the others for this and one message.
const ROUND_TIME: Duration = Duration::from_secs(5);

/// The next step after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    /// Events wait, and may be delivered after this delay.
    After(Duration),
    /// Nothing waits.
    Idle,
}

impl Next {
    fn poll_delay(self) -> Duration {
        match self {
            Self::After(delay) => delay.min(BUSY_POLL_INTERVAL),
            Self::Idle => POLL_INTERVAL,
        }
    }
}

/// Delivers what waits in the outbox.
#[derive(Debug)]
pub struct Dispatcher {
    setup: Setup,
    http: Http,
}

impl Dispatcher {
    /// Returns a dispatcher for a program with this runtime. The database is first contacted when it is first needed.
    #[must_use]
    pub fn new(setup: Setup, runtime: Runtime) -> Self {
        let http = Http::new(runtime, setup.clock);
        Self { setup, http }
    }

    /// Delivers until `until` has come or nothing is left that is due. For Lambda, where a process is there only
    /// while it is needed.
    pub async fn dispatch_until(&self, until: Instant) {
        while let Ok(Next::After(delay)) = self.dispatch_due().await {
            if Instant::now() + delay + DELIVERY_TIMEOUT > until {
                return;
            }
            sleep(delay).await;
        }
    }

    /// Delivers until `stop` is ready: events that `heartbeat` puts into the outbox at once, those of other
    /// processes within the poll interval.
    pub async fn run(&self, heartbeat: &Heartbeat, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            // Errors are logged where they happen.
            let next = self.dispatch_due().await.unwrap_or(Next::Idle);
            tokio::select! {
                () = sleep(next.poll_delay()) => {}
                () = heartbeat.queued_events(), if next == Next::Idle => {}
                () = &mut stop => return,
            }
        }
    }

    /// Delivers to each channel that a delivery is due for.
    async fn dispatch_due(&self) -> Result<Next, Error> {
        let deadline = || Instant::now() + STATEMENT_TIMEOUT;
        let read = async |it: &mut _| Ok((all(it).await?, settings::chosen(it).await?));
        let (rows, (chosen, now)) = self.setup.session.run(deadline(), read).await?;
        let settings = OwnerSettings { configured: self.setup.configured.clone(), chosen }.effective();
        let (channels, (unusable, problems)) = {
            let mut known = self.setup.channels.lock().await;
            (known.current(rows), known.unusable())
        };
        if !unusable.is_empty() {
            let fail = async |it: &mut _| dispatch_leases::fail_unusable(it, &unusable, &problems).await;
            self.setup.session.run(deadline(), fail).await?;
        }
        for channel in &channels {
            self.setup.metrics.preset_channel(&channel.key);
        }
        let keys: Vec<String> = channels.iter().map(|it| it.key.clone()).collect();
        let hashes: Vec<Vec<u8>> = channels.iter().map(|it| it.settings_hash.clone()).collect();
        let configured: Vec<String> =
            channels.iter().filter(|it| it.id == CONFIGURED_ID).map(|it| it.key.clone()).collect();
        let round = Round { visible_before: visible_before(&settings, now), settings, configured };
        let boundaries: Vec<_> = channels.iter().map(|it| round.visible_before(it)).collect();
        let kinds = EventKind::NAMES.map(str::to_owned);
        let due = async |it: &mut _| dispatch_leases::due(it, &keys, &hashes, &boundaries, &kinds).await;
        let due = self.setup.session.run(deadline(), due).await?;
        let deliveries = due.iter().filter_map(|due| {
            let channel = channels.iter().find(|it| it.key == due.channel)?;
            Some(self.deliver_if_due(channel, &round, due.seconds))
        });
        Ok(join_all(deliveries).await.into_iter().min().unwrap_or(Next::Idle))
    }

    async fn deliver_if_due(&self, channel: &KeyedChannel, round: &Round, seconds: f64) -> Next {
        if seconds > 0.0 {
            return Next::After(Duration::from_secs_f64(seconds).min(QUOTA_DELAY_MAX));
        }
        let delivery = Delivery { setup: &self.setup, http: &self.http, channel, round };
        let until = Instant::now() + ROUND_TIME;
        loop {
            match delivery.run().await {
                Some(Duration::ZERO) if Instant::now() < until => {}
                next => return next.map_or(Next::Idle, Next::After),
            }
        }
    }
}

/// The last boundary of `precision`: strangers know what was before. `None` if they know all.
fn visible_before(settings: &Settings, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let boundary = || settings.precision.boundary(now, &settings.timezone);
    (settings.precision != Precision::Exact).then(boundary)
}
