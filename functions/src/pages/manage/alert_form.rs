//! The form of an alert: as its owner types it, and as it is stored.

use std::collections::BTreeSet;

use heartbeat_core::{
    alert::{After, AlertMessage, AlertRule, Window, parse_repeat},
    device::DeviceName,
};

use super::{Form, ladder};
use crate::http::number::canonical_number;

/// What a preview is about: the length of the absence, the device whose absence it is, and the time that is not counted.
pub(super) type Previewed = (After, Option<i64>, Option<Window>);

/// An alert as its form shows it. What was typed stays, even if it is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AlertForm {
    pub(super) name: String,
    pub(super) after: String,
    pub(super) device: Option<i64>,
    pub(super) channels: BTreeSet<i64>,
    pub(super) repeat: String,
    /// Ends of windows of the wall clock.
    pub(super) rest: [String; 2],
    pub(super) quiet: [String; 2],
    pub(super) message: String,
    pub(super) enabled: bool,
}

impl AlertForm {
    /// Returns the form of an alert that is to be made.
    pub(super) fn empty() -> Self {
        Self {
            name: String::new(),
            after: "48h".to_owned(),
            device: None,
            channels: BTreeSet::new(),
            repeat: String::new(),
            rest: Default::default(),
            quiet: Default::default(),
            message: String::new(),
            enabled: true,
        }
    }

    /// Returns the form of an alert.
    pub(super) fn of(rule: &AlertRule) -> Self {
        Self {
            name: rule.name.as_str().to_owned(),
            after: after_text(rule.after),
            device: rule.device,
            channels: rule.channels.iter().copied().collect(),
            repeat: rule.repeat.map(|span| span.to_string()).unwrap_or_default(),
            rest: ends(rule.rest),
            quiet: ends(rule.quiet),
            message: rule.message.as_ref().map(|it| it.as_str().to_owned()).unwrap_or_default(),
            enabled: rule.enabled,
        }
    }

    /// Reads what was typed. `enabled` is no part of the form.
    pub(super) fn read(form: &Form, enabled: bool) -> Self {
        let field = |name: &str| form.field(name).trim().to_owned();
        Self {
            name: field("name"),
            after: field("after"),
            device: canonical_number(&field("device")),
            channels: form.all("channel").filter_map(|id| canonical_number(&id)).collect(),
            repeat: field("repeat"),
            rest: [field("rest_from"), field("rest_to")],
            quiet: [field("quiet_from"), field("quiet_to")],
            message: field("message"),
            enabled,
        }
    }

    /// Returns the rule. Fails with what is wrong, for people.
    pub(super) fn rule(&self) -> Result<AlertRule, String> {
        let (after, device, rest) = self.previewed()?;
        let name = if self.name.is_empty() { ladder::name(after) } else { self.name.clone() };
        let repeat = Some(&*self.repeat).filter(|text| !text.is_empty());
        Ok(AlertRule {
            name: DeviceName::parse(&name).map_err(|problem| format!("Name: {problem}."))?,
            after,
            device,
            channels: self.channels.iter().copied().collect(),
            repeat: repeat
                .map(parse_repeat)
                .transpose()
                .map_err(|expected| expected_in("Remind again", expected))?,
            rest,
            quiet: window(&self.quiet, "Quiet hours")?,
            message: AlertMessage::parse(&self.message)
                .map_err(|expected| expected_in("Your words", expected))?,
            enabled: self.enabled,
        })
    }

    /// Returns what a preview needs of it. Fails with what is wrong, for people.
    pub(super) fn previewed(&self) -> Result<Previewed, String> {
        let after = After::parse(&self.after).map_err(|expected| expected_in("After", expected))?;
        Ok((after, self.device, window(&self.rest, "Time that is not counted")?))
    }

    pub(super) fn names_channel(&self, id: i64) -> bool {
        self.channels.contains(&id)
    }

    pub(super) fn is_about(&self, device: i64) -> bool {
        self.device == Some(device)
    }
}

/// Returns the length of an absence as people type it: `48h`, not `2d`.
fn after_text(after: After) -> String {
    match after {
        After::Fixed(span) if span.seconds() % 3_600 == 0 && span.seconds() <= 72 * 3_600 => {
            format!("{}h", span.seconds() / 3_600)
        }
        _ => after.to_string(),
    }
}

fn expected_in(label: &str, expected: &str) -> String {
    format!("{label}: expected {expected}.")
}

/// Parses a window of two times, both of which may be left out.
fn window([from, to]: &[String; 2], label: &str) -> Result<Option<Window>, String> {
    if from.is_empty() && to.is_empty() {
        return Ok(None);
    }
    let window = Window::parse(&format!("{from}-{to}"));
    window.map(Some).map_err(|expected| expected_in(label, expected))
}

/// Returns the two times of a window, empty without one.
fn ends(window: Option<Window>) -> [String; 2] {
    let text = window.map(|window| window.to_string()).unwrap_or_default();
    text.split_once('-').map(|(from, to)| [from.to_owned(), to.to_owned()]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn typed(text: &'static str) -> AlertForm {
        AlertForm::read(&Form(Bytes::from_static(text.as_bytes())), true)
    }

    #[test]
    fn what_was_typed_is_the_rule_and_the_rule_is_shown_as_it_was_typed() {
        let form = typed(
            "after=36h&device=7&channel=2&channel=1&channel=2&repeat=12h&rest_from=23:00&rest_to=07:00\
             &message=Call+me&name=My+sister",
        );
        let rule = form.rule().expect("a rule");
        assert_eq!((rule.channels.as_slice(), rule.device), (&[1, 2][..], Some(7)));
        assert_eq!(rule.rest.map(|it| it.to_string()).as_deref(), Some("23:00-07:00"));
        assert_eq!(AlertForm::of(&rule), form);
    }

    #[test]
    fn an_alert_without_a_name_is_named_after_its_length() {
        for (after, name) in [
            ("48h", "After 48 hours"),
            ("2850m", "After 47 hours 30 minutes"),
            ("7d", "After 7 days"),
            ("45m", "After 45 minutes"),
            ("unusual", "After an unusual absence"),
        ] {
            let form = AlertForm { after: after.to_owned(), ..AlertForm::empty() };
            assert_eq!(form.rule().expect("a rule").name.as_str(), name);
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_its_label() {
        for (text, problem) in [
            ("after=5m", "After: expected a duration of 10m to 366d, such as 36h, or the word unusual."),
            ("after=48h&repeat=5m", "Remind again: expected a duration of 1h to 366d, such as 12h."),
            (
                "after=48h&quiet_from=23:00",
                "Quiet hours: expected two times of the day, such as 23:00-07:00.",
            ),
        ] {
            assert_eq!(typed(text).rule().expect_err("it is wrong"), problem);
        }
    }
}
