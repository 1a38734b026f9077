//! What the idle notifications of a seat tell: a pure rule, which knows neither clocks nor connections.
//!
//! A notification says `idled` after [`TIMEOUT`] without activity, and `resumed` at the next activity. Its own creation counts
//! as activity, so at first it tells nothing: an agent that starts on an abandoned machine must not beat.
//!
//! Where inhibitors hide input (version 1 and KDE's), neither of which is idle while a video plays, a long active stretch may
//! be the user's or the video's. It counts as input at its beginning, and as kept on from there; its end counts as
//! input too, unless it lasted for longer than a video may: then it was no user's.

use std::time::Duration;

use super::InputState;
use crate::{clock::Awake, rule::KEPT_ON_MAX};

/// Timeout of the notifications. A pause that is shorter counts as input; those of old versions of KWin last five seconds at least.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);

/// Time after its creation from which on a timer that is not idle has seen input: later than [`TIMEOUT`], since timers of
/// compositors are coarse, and a compositor may be busy when a session starts.
const SETTLED_AFTER: Duration = Duration::from_secs(7);

/// What one notification says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timer {
    /// It has not been idle since its creation.
    New { created: Awake },
    /// There has been activity since, without a pause.
    Active { since: Awake },
    /// There is none. The activity before came from `since` to `until`; it is not known if that was the creation alone.
    Idle { before: Option<Stretch> },
}

/// A stretch of activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    since: Awake,
    until: Awake,
}

impl Timer {
    fn idled(&mut self, at: Awake) {
        let until = at.before(TIMEOUT);
        let before = match *self {
            Self::New { created } if at.since(created) < SETTLED_AFTER => None,
            Self::New { created: since } | Self::Active { since } => Some(Stretch { since, until }),
            Self::Idle { before } => before,
        };
        *self = Self::Idle { before };
    }

    /// Since when there has been activity without a pause.
    fn active_since(self, now: Awake) -> Option<Awake> {
        match self {
            Self::New { created } => (now.since(created) >= SETTLED_AFTER).then_some(created),
            Self::Active { since } => Some(since),
            Self::Idle { .. } => None,
        }
    }

    fn is_settled(self, now: Awake) -> bool {
        !matches!(self, Self::New { created } if now.since(created) < SETTLED_AFTER)
    }
}

/// The notifications of a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timers {
    input: Timer,
    /// The one that inhibitors keep from being idle, where the other is not.
    inhibited: Option<Timer>,
}

/// One of the notifications of a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Tells of input.
    Input,
    /// Tells of inhibitors.
    Inhibited,
}

impl Timers {
    /// Returns timers that are created at `created`.
    pub(super) fn new(created: Awake, inhibitors_hide_input: bool) -> Self {
        let input = Timer::New { created };
        Self { input, inhibited: (!inhibitors_hide_input).then_some(input) }
    }

    /// Notes that the compositor has created them only now.
    pub(super) fn created(&mut self, at: Awake) {
        for timer in [Some(&mut self.input), self.inhibited.as_mut()].into_iter().flatten() {
            if let Timer::New { created } = timer {
                *created = at;
            }
        }
    }

    /// Notes that a notification is idle.
    pub(super) fn idled(&mut self, role: Role, at: Awake) {
        if let Some(timer) = self.timer(role) {
            timer.idled(at);
        }
    }

    /// Notes that a notification is idle no more.
    pub(super) fn resumed(&mut self, role: Role, at: Awake) {
        if let Some(timer) = self.timer(role) {
            *timer = Timer::Active { since: at };
        }
    }

    /// Returns what they tell at `now`, if the compositor has said everything until then.
    pub(super) fn input_state(&self, now: Awake) -> InputState {
        let active_since = self.input.active_since(now);
        let last_input = match (active_since, self.input) {
            (Some(since), _) => Some(if self.inhibited.is_some() { now } else { since }),
            (None, Timer::Idle { before: Some(stretch) }) => Some(self.end(stretch)),
            (None, _) => None,
        };
        let kept_on = match self.inhibited {
            Some(inhibited) => active_since.is_none() && inhibited.active_since(now).is_some(),
            None => active_since.is_some(),
        };
        InputState { last_input, kept_on }
    }

    /// Whether time alone changes nothing about what they tell.
    pub(super) fn is_settled(&self, now: Awake) -> bool {
        self.input.is_settled(now)
    }

    /// Last input of a stretch of activity that has ended.
    fn end(&self, stretch: Stretch) -> Awake {
        let is_video = self.inhibited.is_none() && stretch.until.since(stretch.since) > KEPT_ON_MAX;
        if is_video { stretch.since } else { stretch.until }
    }

    fn timer(&mut self, role: Role) -> Option<&mut Timer> {
        match role {
            Role::Input => Some(&mut self.input),
            Role::Inhibited => self.inhibited.as_mut(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIDDEN: bool = true;
    const SEEN: bool = false;

    fn at(seconds: u64) -> Awake {
        Awake(Duration::from_secs(1000 + seconds))
    }

    /// Timers that were created at second 0.
    fn timers(inhibitors_hide_input: bool) -> Timers {
        Timers::new(at(0), inhibitors_hide_input)
    }

    /// What they tell at a second: that of the last input, and whether something else keeps the screen on.
    fn told(timers: Timers, second: u64) -> (Option<u64>, bool) {
        let InputState { last_input, kept_on } = timers.input_state(at(second));
        (last_input.map(|input| input.since(at(0)).as_secs()), kept_on)
    }

    #[test]
    fn creation_is_no_input() {
        for inhibitors_hide_input in [HIDDEN, SEEN] {
            let mut seat = timers(inhibitors_hide_input);
            assert_eq!(told(seat, 4), (None, false));
            assert!(!seat.is_settled(at(4)));
            seat.idled(Role::Input, at(5));
            seat.idled(Role::Inhibited, at(5));
            assert!(seat.is_settled(at(5)));
            assert_eq!(told(seat, 5), (None, false));
            assert_eq!(told(seat, 5000), (None, false));
        }
    }

    #[test]
    fn a_compositor_that_is_late_to_create_them_does_not_make_it_input() {
        let mut seat = timers(SEEN);
        seat.created(at(30));
        seat.idled(Role::Input, at(35));
        assert_eq!(told(seat, 36), (None, false));
    }

    #[test]
    fn being_idle_late_or_not_at_all_means_input() {
        let mut seat = timers(SEEN);
        assert_eq!(told(seat, 7), (Some(7), false));
        seat.idled(Role::Input, at(12));
        seat.idled(Role::Inhibited, at(12));
        assert_eq!(told(seat, 100), (Some(7), false));
    }

    #[test]
    fn resuming_is_input_now_and_being_idle_is_input_five_seconds_ago() {
        for inhibitors_hide_input in [HIDDEN, SEEN] {
            let mut seat = timers(inhibitors_hide_input);
            seat.idled(Role::Input, at(5));
            seat.idled(Role::Inhibited, at(5));
            seat.resumed(Role::Input, at(60));
            seat.resumed(Role::Inhibited, at(60));
            assert_eq!(told(seat, 60).0, Some(60));
            seat.idled(Role::Input, at(90));
            seat.idled(Role::Inhibited, at(90));
            assert_eq!(told(seat, 300), (Some(85), false));
        }
    }

    #[test]
    fn where_inhibitors_do_not_hide_input_they_keep_the_screen_on_from_the_last_input() {
        let mut seat = timers(SEEN);
        seat.idled(Role::Input, at(5));
        seat.idled(Role::Inhibited, at(5));
        seat.resumed(Role::Input, at(60));
        seat.resumed(Role::Inhibited, at(60));
        assert_eq!(told(seat, 3660), (Some(3660), false), "typing for an hour");
        seat.idled(Role::Input, at(3700));
        assert_eq!(told(seat, 7200), (Some(3695), true), "a video");
        seat.idled(Role::Inhibited, at(7300));
        assert_eq!(told(seat, 7300), (Some(3695), false), "its end");
        seat.resumed(Role::Inhibited, at(7400));
        assert_eq!(told(seat, 7400), (Some(3695), true), "another one, with no input in between");
    }

    #[test]
    fn where_inhibitors_hide_input_it_may_have_been_when_the_activity_began() {
        let mut seat = timers(HIDDEN);
        seat.idled(Role::Input, at(5));
        seat.resumed(Role::Input, at(60));
        assert_eq!(told(seat, 61), (Some(60), true));
        assert_eq!(told(seat, 7200), (Some(60), true), "a film, or a game");
        seat.idled(Role::Input, at(7205));
        assert_eq!(told(seat, 7205), (Some(7200), false), "its end is the user's");
    }

    #[test]
    fn where_inhibitors_hide_input_a_night_of_videos_does_not_end_with_input() {
        let mut seat = timers(HIDDEN);
        seat.idled(Role::Input, at(5));
        seat.resumed(Role::Input, at(60));
        let morning = 8 * 60 * 60;
        seat.idled(Role::Input, at(morning));
        assert_eq!(told(seat, morning), (Some(60), false));
    }

    #[test]
    fn an_inhibitor_on_an_abandoned_machine_is_no_input() {
        let mut seat = timers(SEEN);
        seat.idled(Role::Input, at(5));
        assert_eq!(told(seat, 600), (None, true));
    }
}
