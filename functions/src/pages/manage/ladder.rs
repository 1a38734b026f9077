//! The ladder: alerts from the shortest absence to the longest, and what each is doing, in words.

use heartbeat_core::{
    alert::{After, Alert, AlertState, AlertStatus, FiringStatus, Span, Told, ToldKind, clock::Clock},
    channel::{Audience, CONFIGURED_ID, Failure, OwnedChannel, UNSUBSCRIBED},
    device::OwnedDevice,
    humanize,
    notify::event::EndedBy,
    settings::Timezone,
};
use time::OffsetDateTime;

use super::{devices, when};

/// The alerts as the page shows them.
pub(super) struct Ladder {
    pub(super) rungs: Vec<Rung>,
    /// Where the present absence stands.
    pub(super) present: String,
}

/// One alert.
pub(super) struct Rung {
    pub(super) id: i64,
    /// What it does: `After 48 hours tell Anna`.
    pub(super) title: String,
    /// Its name, if that says more than the title.
    pub(super) name: Option<String>,
    /// Class of its state: that of the API, or `failing`.
    pub(super) state: &'static str,
    pub(super) state_text: String,
    /// Reasons why it cannot tell some of those whom it is to tell.
    pub(super) failures: Vec<String>,
    /// What it told, and when.
    pub(super) told: Vec<String>,
    /// Names of friends who have not said that messages reach them.
    pub(super) unconfirmed: Option<String>,
    pub(super) is_enabled: bool,
}

/// What the words are made of.
#[derive(Clone, Copy)]
pub(super) struct World<'a> {
    pub(super) channels: &'a [OwnedChannel],
    pub(super) devices: &'a [OwnedDevice],
    pub(super) timezone: &'a Timezone,
    pub(super) now: OffsetDateTime,
}

impl Ladder {
    pub(super) fn new(alerts: &[AlertStatus], world: World<'_>) -> Self {
        let rungs = alerts.iter().map(|status| Rung::new(status, world)).collect();
        Self { rungs, present: present(alerts, world) }
    }

    /// Returns the alerts that cannot tell all whom they are to tell.
    pub(super) fn failing(&self) -> Vec<&Rung> {
        self.rungs.iter().filter(|rung| rung.state == FAILING).collect()
    }
}

/// State of an alert that has a channel through which nothing arrives.
const FAILING: &str = "failing";

impl Rung {
    fn new(status: &AlertStatus, world: World<'_>) -> Self {
        let rule = &status.alert.rule;
        let channels: Vec<_> = rule.channels.iter().filter_map(|id| world.channel(*id)).collect();
        let failures: Vec<_> = channels.iter().filter_map(|channel| world.failure(channel)).collect();
        let title = title(&status.alert, world);
        let is_failing = rule.enabled && !failures.is_empty();
        Self {
            id: status.alert.id,
            name: Some(rule.name.as_str()).filter(|name| !title.starts_with(name)).map(str::to_owned),
            title,
            state: if is_failing { FAILING } else { status.state.as_str() },
            state_text: state_text(status, world),
            told: match &status.state {
                AlertState::Firing(firing) => {
                    firing.told.iter().filter_map(|told| world.told(told)).collect()
                }
                _ => Vec::new(),
            },
            failures: if is_failing { failures } else { Vec::new() },
            unconfirmed: (!status.unconfirmed.is_empty()).then(|| listed(&status.unconfirmed)),
            is_enabled: rule.enabled,
        }
    }
}

impl World<'_> {
    fn channel(&self, id: i64) -> Option<&OwnedChannel> {
        self.channels.iter().find(|channel| channel.id == id)
    }

    pub(super) fn channel_name(&self, id: i64) -> &str {
        let missing = if id == CONFIGURED_ID { "Discord" } else { "a channel that was deleted" };
        self.channel(id).map_or(missing, |channel| &channel.name)
    }

    pub(super) fn moment(&self, time: OffsetDateTime) -> String {
        when::moment(time, self.now, self.timezone)
    }

    /// Returns why nothing arrives through a channel: `Discord answered 404 on 24 November; nothing was delivered since`.
    fn failure(&self, channel: &OwnedChannel) -> Option<String> {
        let Failure { at, reason } = channel.disabled.as_ref().or(channel.failing.as_ref())?;
        let (name, when) = (&channel.name, self.moment(*at));
        let since = "nothing was delivered since.";
        Some(match reason.strip_prefix("status ") {
            Some(status) => format!("{name} answered {status} {when}; {since}"),
            None if reason == UNSUBSCRIBED => format!("{name} wants no more messages since {when}."),
            None => format!("{name} failed {when} ({reason}); {since}"),
        })
    }

    /// Returns what was told to a channel: `Anna was told today 15:24.`
    pub(super) fn told(&self, told: &Told) -> Option<String> {
        if told.withdrawn_at.is_some() {
            return None;
        }
        let name = self.channel_name(told.channel);
        let what = match told.kind {
            ToldKind::Fired => "told".to_owned(),
            ToldKind::Repeated(number) => format!("reminded ({number})"),
            ToldKind::Reached => "told that you were reached".to_owned(),
            ToldKind::Resolved => "told that all is well".to_owned(),
        };
        Some(match told.sent_at {
            Some(at) => format!("{name} was {what} {}.", self.moment(at)),
            None => format!("{name} is to be {what} since {}.", self.moment(told.queued_at)),
        })
    }

    /// Returns the last beat of a device that counts for an alert about `device`, or about all.
    fn last_sign_of_life(&self, device: Option<i64>) -> Option<OffsetDateTime> {
        let counts = |it: &&OwnedDevice| device.map_or(it.sign_of_life, |id| it.id == id);
        self.devices.iter().filter(counts).filter_map(|device| device.last_beat).max()
    }

    /// Returns when an alert fires if there is no sign of life until then.
    fn fires_at(&self, status: &AlertStatus) -> Option<OffsetDateTime> {
        match status.state {
            AlertState::Waiting { fires_at, .. } => fires_at,
            AlertState::Armed => {
                let rule = &status.alert.rule;
                let clock = Clock::new(self.timezone, rule.rest, &[]);
                clock.fires_at(self.last_sign_of_life(rule.device)?, status.effective_after?)
            }
            _ => None,
        }
    }
}

/// Returns the length of an absence as rules have it: `45 minutes`, `47 hours 30 minutes`, `48 hours`, `7 days`.
pub(super) fn span(span: Span) -> String {
    let (hours, minutes) = (span.seconds() / 3_600, span.seconds() % 3_600 / 60);
    match (hours, minutes) {
        (0, minutes) => humanize::count(minutes, "minute"),
        (hours, 0) if hours > 72 && hours % 24 == 0 => humanize::count(hours / 24, "day"),
        (hours, 0) => humanize::count(hours, "hour"),
        (hours, minutes) => {
            format!("{} {}", humanize::count(hours, "hour"), humanize::count(minutes, "minute"))
        }
    }
}

/// Returns a name for an alert: `After 48 hours`.
pub(super) fn name(after: After) -> String {
    match after {
        After::Fixed(after) => format!("After {}", span(after)),
        After::Unusual => "After an unusual absence".to_owned(),
    }
}

fn title(alert: &Alert, world: World<'_>) -> String {
    let rule = &alert.rule;
    let of_device = rule.device.map(|id| {
        let device = world.devices.iter().find(|device| device.id == id);
        format!(" without {}", device.map_or("a device that is erased", devices::name))
    });
    let names: Vec<_> = rule.channels.iter().map(|id| world.channel_name(*id).to_owned()).collect();
    let names = if names.is_empty() { "nobody".to_owned() } else { listed(&names) };
    format!("{}{} tell {names}", name(rule.after), of_device.unwrap_or_default())
}

/// Joins names: `Anna, Ben and Discord`.
fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [name] => name.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn state_text(status: &AlertStatus, world: World<'_>) -> String {
    match &status.state {
        AlertState::Disabled => "Switched off.".to_owned(),
        AlertState::Firing(firing) => firing_text(firing, world),
        AlertState::NoChannels => "Nobody to tell.".to_owned(),
        AlertState::NotEnoughData => {
            "Too little is known yet of what is unusual for you. It takes 14 days of heartbeats.".to_owned()
        }
        AlertState::Snoozed { until } => format!("Snoozed until {}.", world.moment(*until)),
        AlertState::Waiting { fires_at: Some(at), .. } => {
            format!("Armed: {}, if you stay away.", world.moment(*at))
        }
        AlertState::Waiting { fires_at: None, .. } => {
            "It never fires: its time that is not counted leaves next to nothing of a day.".to_owned()
        }
        AlertState::Armed => match (status.alert.rule.after, status.effective_after) {
            (After::Unusual, Some(after)) => format!("Armed: at present, after {}.", span(after)),
            _ => "Armed.".to_owned(),
        },
    }
}

fn firing_text(firing: &FiringStatus, world: World<'_>) -> String {
    let fired = format!("Fired {}.", world.moment(firing.fired_at));
    let reached = firing.reached_at.zip(firing.reached_by).map(|(at, by)| {
        format!(" {} said {} that you were reached.", world.channel_name(by), world.moment(at))
    });
    let ended = firing.ended_at.map(|at| match firing.ended_by {
        Some(EndedBy::Beat) | None => {
            format!(
                " You came back {}; friends are told once you are here for some minutes.",
                world.moment(at)
            )
        }
        Some(EndedBy::Ok) => format!(" You said {} that you are well.", world.moment(at)),
        Some(EndedBy::Erased) => format!(" Its device was erased {}.", world.moment(at)),
    });
    format!("{fired}{}{}", reached.unwrap_or_default(), ended.unwrap_or_default())
}

/// Returns where the present absence stands: `You were here 42 seconds ago. Next: Discord, today 15:24, if you stay away.`
fn present(alerts: &[AlertStatus], world: World<'_>) -> String {
    let Some(last) = world.last_sign_of_life(None) else { return "No heartbeat yet.".to_owned() };
    let here = format!("You were here {}.", humanize::ago((world.now - last).whole_seconds()));
    let next = alerts
        .iter()
        .filter_map(|status| Some((world.fires_at(status)?, status)))
        .filter(|(at, _)| *at > world.now)
        .min_by_key(|(at, _)| *at);
    match next {
        Some((at, status)) => {
            let names: Vec<_> =
                status.alert.rule.channels.iter().map(|id| world.channel_name(*id).to_owned()).collect();
            format!("{here} Next: {}, {}, if you stay away.", listed(&names), world.moment(at))
        }
        None => here,
    }
}

/// Returns the channels of an audience that an alert can name.
pub(super) fn of_audience(channels: &[OwnedChannel], audience: Audience) -> Vec<&OwnedChannel> {
    channels.iter().filter(|channel| channel.audience == audience).collect()
}
