//! The past firings of an alert, in words.

use heartbeat_core::{alert::FiringStatus, notify::event::EndedBy};

use super::ladder::World;

/// A firing of which nothing is left to tell.
pub(super) struct PastFiring {
    pub(super) text: String,
    /// What it told, and when.
    pub(super) told: Vec<String>,
}

impl PastFiring {
    pub(super) fn new(firing: &FiringStatus, world: World<'_>) -> Self {
        let fired =
            format!("Fired {}, silent since {}.", world.moment(firing.fired_at), world.moment(firing.since));
        let reached = firing.reached_at.zip(firing.reached_by).map(|(at, by)| {
            format!(" {} said {} that you were reached.", world.channel_name(by), world.moment(at))
        });
        let ended = firing.ended_at.map(|at| {
            let what = match firing.ended_by {
                Some(EndedBy::Beat) | None => "a heartbeat",
                Some(EndedBy::Ok) => "you said that you are well",
                Some(EndedBy::Erased) => "its device was erased",
            };
            format!(" Over {}: {what}.", world.moment(at))
        });
        Self {
            text: format!("{fired}{}{}", reached.unwrap_or_default(), ended.unwrap_or_default()),
            told: firing.told.iter().filter_map(|told| world.told(told)).collect(),
        }
    }
}
