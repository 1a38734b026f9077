//! `run`: beats while this device is used, until stopped.

use std::{
    mem,
    time::{Duration, SystemTime},
};

use crate::{
    beat::Client,
    clock::Moment,
    config::{self, Config},
    exit::Failure,
    files,
    lock::RunningLock,
    log,
    paths::Paths,
    pause::{self, PAUSE_INTERVAL},
    reason::{Due, Usage},
    report::{LastAnswer, Report},
    rule::{BEAT_INTERVAL, Changed, Decision, Observation, Outcome, Rule},
    session::Session,
    sources::{InputState, Kind, Sources},
    token::Token,
    wake,
};

/// Interval between runs of a `token_command` whose token the server does not know: the password store may have
/// another one by then.
const TOKEN_INTERVAL: Duration = Duration::from_mins(10);

/// Runs the agent, if `replace` says so in place of the one that runs already.
pub(super) fn run(paths: &Paths, source: Option<Kind>, replace: bool) -> Result<(), Failure> {
    let lock_file = paths.lock_file();
    let take = if replace { RunningLock::take_over } else { RunningLock::take };
    let lock = take(&lock_file).map_err(|error| Failure::File(lock_file, error))?;
    let _lock = lock.ok_or(Failure::RunsAlready)?;
    let report_file = paths.report_file();
    let earlier = Report::read(&report_file);
    // What an earlier agent saw is not what this one sees.
    files::remove(&report_file).map_err(|error| Failure::File(report_file, error))?;
    let (waker, sleep) = wake::channel();
    let mut running = Running::start(paths, source, &waker)?;
    running.resume(earlier);
    log::log(&format!("beating at {} while this device is used", running.config.url));
    loop {
        sleep.sleep(running.step());
    }
}

/// A running agent.
#[derive(Debug)]
struct Running<'a> {
    paths: &'a Paths,
    forced: Option<Kind>,
    config: Config,
    modified: Option<SystemTime>,
    client: Client,
    token: Token,
    token_read_at: Duration,
    reload_failed: bool,
    sources: Sources,
    session: Session,
    rule: Rule,
    waker: wake::Waker,
    last_answer: Option<LastAnswer>,
    last_beat: Option<i64>,
    logged_usage: Option<mem::Discriminant<Usage>>,
    logged_answer: Option<String>,
}

impl<'a> Running<'a> {
    fn start(paths: &'a Paths, source: Option<Kind>, waker: &wake::Waker) -> Result<Self, Failure> {
        let file = paths.config_file();
        let modified = config::modified(&file);
        let config = Config::load(&file)?;
        let (client, token) = super::connect(&config)?;
        let now = Moment::now();
        Ok(Self {
            paths,
            forced: source,
            modified,
            client,
            token,
            token_read_at: now.elapsed(),
            reload_failed: false,
            sources: Sources::new(source.or(config.source), waker.clone()),
            session: Session::watch(waker.clone()),
            rule: Rule::new(config.idle_after, now),
            config,
            waker: waker.clone(),
            last_answer: None,
            last_beat: None,
            logged_usage: None,
            logged_answer: None,
        })
    }

    /// Does not beat sooner than an earlier agent would have.
    fn resume(&mut self, earlier: Option<Report>) {
        let now = Moment::now();
        let url = self.config.url.to_string();
        // One from before the wall clock was set back would keep this agent waiting.
        let Some(earlier) = earlier.filter(|earlier| earlier.url == url && earlier.at <= now.unix) else {
            return;
        };
        self.rule.resume(earlier.next_beat.after(earlier.age(now.unix)), now);
    }

    /// Looks at everything once, and beats if it is time. Returns for how long to sleep.
    fn step(&mut self) -> Duration {
        let now = Moment::now();
        self.reload(now);
        let seen = self.observe(now);
        let mut decision = self.rule.decide(now, &seen);
        if decision.beats() {
            self.beat(now);
            decision.due = self.rule.due(Moment::now());
        }
        self.tell(now, decision);
        self.timeout(decision)
    }

    fn observe(&mut self, now: Moment) -> Observation {
        let activity = self.sources.input_state(now);
        let session = self.session.state();
        let InputState { last_input, kept_on } = activity.unwrap_or_default();
        let ago = last_input.map(|input| now.awake.since(input));
        let may_be_kept_on = ago.is_some_and(|ago| ago > self.config.idle_after);
        Observation {
            has_source: activity.is_some(),
            last_input,
            kept_on: kept_on || (may_be_kept_on && self.session.is_kept_on()),
            locked: session.locked == Some(true),
            in_background: session.active == Some(false),
            falling_asleep: session.falling_asleep,
            woke_up: session.woke_up,
            paused_until: pause::load(&self.paths.pause_file()),
        }
    }

    fn beat(&mut self, sent: Moment) {
        let answer = self.client.beat(&self.token);
        let now = Moment::now();
        self.rule.sent(sent, now, answer.outcome);
        if answer.outcome == Outcome::Recorded {
            self.last_beat = Some(now.unix);
        }
        self.last_answer = Some(LastAnswer { at: now.unix, text: answer.text });
    }

    /// Takes a changed configuration. Runs a `token_command` anew after it failed, or the server refused its token.
    fn reload(&mut self, now: Moment) {
        let modified = config::modified(&self.paths.config_file());
        let asks_again = self.reload_failed || self.rule.due(now) == Due::UnknownToken;
        let may_ask =
            self.config.token_command.is_some() && now.elapsed() >= self.token_read_at + TOKEN_INTERVAL;
        if modified == self.modified && !(asks_again && may_ask) {
            return;
        }
        self.modified = modified;
        self.token_read_at = now.elapsed();
        let reconfigured = self.reconfigure(now);
        self.reload_failed = reconfigured.is_err();
        if let Err(failure) = reconfigured {
            log::error(&failure.to_string());
        }
    }

    fn reconfigure(&mut self, now: Moment) -> Result<(), Failure> {
        let config = Config::load(&self.paths.config_file())?;
        let (client, token) = super::connect(&config)?;
        if config == self.config && token == self.token {
            return Ok(());
        }
        if config.source != self.config.source {
            self.sources = Sources::new(self.forced.or(config.source), self.waker.clone());
        }
        let changed = Changed {
            token: token != self.token,
            server: config.url != self.config.url || config.ca_file != self.config.ca_file,
        };
        self.rule.reconfigured(config.idle_after, changed, now);
        log::log("the configuration changed");
        (self.config, self.client, self.token) = (config, client, token);
        Ok(())
    }

    /// Leaves a report for `status`, and then logs what changed.
    fn tell(&mut self, now: Moment, decision: Decision) {
        let report = Report {
            pid: std::process::id(),
            at: now.unix,
            url: self.config.url.to_string(),
            source: self.sources.taken().map(|kind| kind.name().to_owned()),
            rejected: self.sources.rejected().to_vec(),
            session: self.session.state(),
            usage: decision.usage,
            next_beat: decision.due,
            last_answer: self.last_answer.clone(),
            last_beat: self.last_beat,
        };
        if let Err(error) = report.write(&self.paths.report_file()) {
            log::error(&format!("{}: {error}", self.paths.report_file().display()));
        }
        let usage = mem::discriminant(&decision.usage);
        if self.logged_usage.replace(usage) != Some(usage) {
            log::log(&decision.usage.to_string());
        }
        let answer = self.last_answer.as_ref().map(|answer| &answer.text);
        if let Some(answer) = answer.filter(|answer| self.logged_answer.as_ref() != Some(*answer)) {
            log::log(answer);
            self.logged_answer = Some(answer.clone());
        }
    }

    /// Returns when to look again, unless something wakes the agent before.
    fn timeout(&self, decision: Decision) -> Duration {
        let delay = match decision.usage {
            Usage::Paused { .. } => PAUSE_INTERVAL,
            usage if usage.is_use() => decision.due.delay().unwrap_or(BEAT_INTERVAL),
            _ => self.sources.poll_interval().unwrap_or(BEAT_INTERVAL),
        };
        delay.min(BEAT_INTERVAL)
    }
}
