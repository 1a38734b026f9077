//! What the pages say after a form, which redirects to them with the name of what it did.

use url::form_urlencoded;

/// Returns the value of a parameter of a query.
pub(super) fn parameter(query: &str, name: &str) -> Option<String> {
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    parameters.find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

/// Returns what to say after the form that the query names.
pub(super) fn of_query(query: Option<&str>) -> Option<&'static str> {
    parameter(query?, "done").and_then(|done| text(&done))
}

fn text(done: &str) -> Option<&'static str> {
    Some(match done {
        "rename" => "The device has its new name.",
        "hide" => "Hidden: strangers do not see the device any more. Its beats still count.",
        "show" => "Strangers see the device again.",
        "archive" => "Archived: its token is dead. Its beats still count.",
        "unarchive" => "Back from the archive. It needs a new token: connect it.",
        "erase" => "Erased, with all its beats.",
        "sign-of-life" => "Its beats say again that you are well.",
        "no-sign-of-life" => "Its beats do not say any more that you are well.",
        "snooze" => "Snoozed: no alert fires before the snooze ends.",
        "end-snooze" => "The snooze has ended.",
        "ok" => "Noted: you are well.",
        "settings" => "Saved. It applies to everything that strangers see.",
        "ladder" => "Your alerts are armed.",
        "save-alert" | "save-channel" => "Saved.",
        "test-alert" => "A test goes to all whom this alert tells, within seconds. It says that it is one.",
        "enable-alert" => "Switched on.",
        "disable-alert" => "Switched off: it tells no one that you are silent.",
        "delete-alert" => "Deleted.",
        "add-channel" => "Added.",
        "test-channel" => "A test is on its way.",
        "enable-channel" => "Switched on again: what waits is sent now.",
        "resend" => "What was given up is sent again.",
        "delete-channel" => "Deleted. Alerts do not name it any more.",
        _ => return None,
    })
}
