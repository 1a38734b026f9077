//! The kinds of events that a channel can want, to choose.

use heartbeat_core::notify::event::EventKind;

use super::{Form, kinds::Kind};

/// A kind of event to choose.
pub(super) struct EventChoice {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) is_chosen: bool,
}

/// Returns the kinds of events that were chosen.
pub(super) fn chosen(form: &Form) -> Vec<String> {
    let is_chosen = |event: &str| form.all("event").any(|chosen| chosen == event);
    EventKind::SUBSCRIBABLE.into_iter().filter(|event| is_chosen(event)).map(str::to_owned).collect()
}

/// Returns the kinds of events that a channel of a kind can want.
pub(super) fn choices(kind: &Kind, is_chosen: impl Fn(&str) -> bool) -> Vec<EventChoice> {
    let takes_beats = ["discord", "webhook"].contains(&kind.name);
    let choice = |name: &'static str| EventChoice { name, title: title(name), is_chosen: is_chosen(name) };
    let events = EventKind::SUBSCRIBABLE.into_iter().filter(|name| takes_beats || *name != "beat");
    events.map(choice).collect()
}

fn title(name: &'static str) -> &'static str {
    match name {
        "beat" => "Each heartbeat",
        "device.added" => "A device was added",
        "device.paired" => "A device was paired",
        "device.suspicious" => "A device beats without a pause",
        "device.quiet" => "A device has not beaten for a week",
        "absence.ended" => "An absence of more than an hour has ended",
        "alert.fired" => "Any alert fires, and is over",
        "alert.resolved" => "Any alert is over, and fires",
        other => other,
    }
}
