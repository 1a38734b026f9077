//! The dispatcher and the jobs, wired for the server and for Lambda alike.

use std::time::Duration;

use heartbeat_core::{
    Config, Heartbeat,
    channel::CONFIGURED_DISCORD,
    config::WebhookLevel,
    database::{Session, SharedSession, Target, situation::Configured},
    jobs::{Eraser, Evaluated, Evaluator, JOBS_INTERVAL, Jobs, RollUp},
    metrics::ProcessMetrics,
    notify::subscriptions::Subscriptions,
    publication::Publisher,
    runtime::Runtime,
};
#[cfg(feature = "webhook")]
use heartbeat_core::{
    jobs::TelegramChats,
    notify::{channels::Channels, dispatcher::Dispatcher, setup::Setup, site::Site, watchdog::Watchdog},
    token::Token,
};
#[cfg(feature = "webhook")]
use rand::{Rng, rand_core::UnwrapErr, rngs::SysRng};
#[cfg(feature = "webhook")]
use tokio::sync::Mutex;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use crate::app::system_clock;

/// Timeout of what is to be done about erased devices: all beats are looked at, some million in a second.
const ERASING_TIMEOUT: Duration = Duration::from_mins(10);

/// Timeout of moving the public figures on: all beats since the last time are looked at, some million in a second.
const PUBLISHING_TIMEOUT: Duration = Duration::from_mins(1);

/// Timeout of finding the chats of Telegram's channels.
#[cfg(feature = "webhook")]
const CHATS_TIMEOUT: Duration = Duration::from_secs(30);

/// Timeout of reading beats that were not rolled up yet: a tick goes on where the one before had to stop.
const ROLL_UP_TIMEOUT: Duration = Duration::from_mins(10);

/// Returns what the configured channels subscribe to. On Lambda the functions that record events have no
/// `webhook.url`, which is a secret: there the level alone counts, which the deployment sets to `none` where
/// there is no URL.
#[must_use]
pub fn subscriptions(config: &Config, runtime: Runtime) -> Subscriptions {
    let has_level = config.webhook_level != WebhookLevel::None;
    let has_channel = config.webhook_url.is_some() || (runtime == Runtime::Lambda && has_level);
    if !has_channel || !cfg!(feature = "webhook") {
        return Subscriptions::default();
    }
    // From the lowest level that includes it to the highest.
    let [beat, device_added, absence_ended] = ["beat", "device.added", "absence.ended"];
    let kinds: &[&str] = match config.webhook_level {
        WebhookLevel::None => &[],
        WebhookLevel::LongAbsences => &[absence_ended],
        WebhookLevel::NewDevices => &[absence_ended, device_added],
        WebhookLevel::All => &[absence_ended, device_added, beat],
    };
    Subscriptions::of(CONFIGURED_DISCORD, kinds)
}

/// The work that no request does.
#[derive(Debug)]
pub struct Background {
    session: SharedSession,
    evaluator: Evaluator,
    jobs: Jobs,
    eraser: Eraser,
    roll_up: RollUp,
    publisher: Publisher,
    #[cfg(feature = "webhook")]
    watchdog: Option<Watchdog>,
    #[cfg(feature = "webhook")]
    telegram_chats: TelegramChats,
    #[cfg(feature = "webhook")]
    dispatcher: Dispatcher,
}

impl Background {
    /// Returns the background work of a program with this configuration. The database is first contacted when it
    /// is first needed.
    #[must_use]
    pub fn new(config: &Config, database: &Target, runtime: Runtime, metrics: &ProcessMetrics) -> Self {
        #[cfg(not(feature = "webhook"))]
        let _ = metrics;
        let session = SharedSession::new(Session::new(database.clone(), system_clock, runtime));
        // For what may take long, and for what waits for nothing that does.
        let own_session = || match runtime {
            Runtime::Server => SharedSession::new(Session::new(database.clone(), system_clock, runtime)),
            Runtime::Lambda => session.clone(),
        };
        let configured = Configured { choices: config.choices(), has_channel: config.webhook_url.is_some() };
        let keys = config.webhook_url.iter().map(|_| CONFIGURED_DISCORD.to_owned());
        Self {
            session: session.clone(),
            evaluator: Evaluator::new(session.clone(), configured),
            jobs: Jobs::new(session.clone(), keys.collect()),
            eraser: Eraser::new(session.clone(), own_session()),
            roll_up: RollUp::new(session.clone(), own_session(), config.retention),
            publisher: Publisher::new(session.clone(), own_session(), config.choices()),
            #[cfg(feature = "webhook")]
            watchdog: config.watchdog_url.clone().map(Watchdog::new),
            #[cfg(feature = "webhook")]
            telegram_chats: TelegramChats::new(session.clone(), Site::of(config, runtime), system_clock),
            #[cfg(feature = "webhook")]
            dispatcher: Dispatcher::new(
                Setup {
                    channels: Mutex::new(Channels::configured(config, Site::of(config, runtime))),
                    site: Site::of(config, runtime),
                    configured: config.choices(),
                    session,
                    clock: system_clock,
                    // No two processes share a name.
                    holder: Token::generate(&mut UnwrapErr(SysRng)).expose().to_owned(),
                    metrics: metrics.clone(),
                    random,
                },
                runtime,
            ),
        }
    }

    /// Returns the session of this work, for other statements of the same process.
    #[must_use]
    pub fn session(&self) -> SharedSession {
        self.session.clone()
    }

    /// Runs until `stop` is ready. For a server.
    pub async fn run(&self, heartbeat: &Heartbeat, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = self.evaluate_alerts(heartbeat) => {}
            () = self.run_watchdog() => {}
            () = self.run_jobs() => {}
            () = self.erase() => {}
            () = self.roll_up() => {}
            () = self.publish() => {}
            () = self.find_chats() => {}
            () = self.dispatch(heartbeat, stop) => {}
        }
    }

    /// Evaluates alerts and runs all jobs once, then delivers until `until` has come or nothing is left that is due. For
    /// Lambda.
    pub async fn run_until(&self, until: Instant) {
        // The session has logged an error where it happened. Alerts are evaluated again with the next invocation.
        let is_evaluated = matches!(self.evaluator.run().await, Ok(Evaluated::Told(_)));
        #[cfg(feature = "webhook")]
        tokio::join!(self.tell_watchdog(is_evaluated), self.work_until(until));
        #[cfg(not(feature = "webhook"))]
        {
            let _ = is_evaluated;
            self.work_until(until).await;
        }
    }

    /// Runs all jobs once, then delivers.
    async fn work_until(&self, until: Instant) {
        let left = || until.saturating_duration_since(Instant::now());
        // First what alerts tell: the rest may take long.
        #[cfg(feature = "webhook")]
        self.dispatcher.dispatch_until(Instant::now() + left() / 2).await;
        self.jobs.run_due(system_clock()).await;
        self.publisher.run(Instant::now() + left() / 2).await;
        self.eraser.run(Instant::now() + left() / 2).await;
        self.roll_up.run(Instant::now() + left() / 2).await;
        #[cfg(feature = "webhook")]
        {
            self.telegram_chats.run(Instant::now() + CHATS_TIMEOUT.min(left() / 2)).await;
            self.dispatcher.dispatch_until(until).await;
        }
        #[cfg(not(feature = "webhook"))]
        let _ = until;
    }

    /// Evaluates alerts at each tick.
    async fn evaluate_alerts(&self, heartbeat: &Heartbeat) {
        let mut ticks = ticks();
        loop {
            ticks.tick().await;
            let Ok(Evaluated::Told(events)) = self.evaluator.run().await else { continue };
            if events > 0 {
                heartbeat.note_queued_events();
            }
            #[cfg(feature = "webhook")]
            if let Some(watchdog) = &self.watchdog {
                watchdog.note_evaluation(Instant::now());
            }
        }
    }

    /// Tells the watchdog of evaluations, for ever.
    async fn run_watchdog(&self) {
        #[cfg(feature = "webhook")]
        if let Some(watchdog) = &self.watchdog {
            watchdog.run().await;
        }
        std::future::pending::<()>().await;
    }

    /// Tells the watchdog, if alerts were evaluated.
    #[cfg(feature = "webhook")]
    async fn tell_watchdog(&self, is_evaluated: bool) {
        if let Some(watchdog) = self.watchdog.as_ref().filter(|_| is_evaluated) {
            watchdog.tell().await;
        }
    }

    /// Runs all jobs at each tick.
    async fn run_jobs(&self) {
        let mut ticks = ticks();
        loop {
            ticks.tick().await;
            self.jobs.run_due(system_clock()).await;
        }
    }

    /// Does what is to be done about erased devices at each tick.
    async fn erase(&self) {
        let mut ticks = ticks();
        loop {
            ticks.tick().await;
            self.eraser.run(Instant::now() + ERASING_TIMEOUT).await;
        }
    }

    /// Rolls beats up at each tick.
    async fn roll_up(&self) {
        let mut ticks = ticks();
        loop {
            ticks.tick().await;
            self.roll_up.run(Instant::now() + ROLL_UP_TIMEOUT).await;
        }
    }

    /// Moves the public figures on at each tick.
    async fn publish(&self) {
        let mut ticks = ticks();
        loop {
            ticks.tick().await;
            self.publisher.run(Instant::now() + PUBLISHING_TIMEOUT).await;
        }
    }

    /// Asks Telegram's bots for the chats of their channels at each tick.
    #[cfg(feature = "webhook")]
    async fn find_chats(&self) {
        let mut ticks = ticks();
        loop {
            ticks.tick().await;
            self.telegram_chats.run(Instant::now() + CHATS_TIMEOUT).await;
        }
    }

    #[cfg(not(feature = "webhook"))]
    async fn find_chats(&self) {
        std::future::pending::<()>().await;
    }

    #[cfg(feature = "webhook")]
    async fn dispatch(&self, heartbeat: &Heartbeat, stop: impl Future<Output = ()>) {
        self.dispatcher.run(heartbeat, stop).await;
    }

    #[cfg(not(feature = "webhook"))]
    async fn dispatch(&self, _: &Heartbeat, stop: impl Future<Output = ()>) {
        stop.await;
    }
}

/// Ticks now and then at intervals, for ever.
fn ticks() -> Interval {
    let mut ticks = interval(JOBS_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

#[cfg(feature = "webhook")]
fn random() -> f64 {
    f64::from(UnwrapErr(SysRng).next_u32()) / f64::from(u32::MAX)
}
