//! State of the badge builder, which is the query of the page, and the snippets that follow from it.

use std::{borrow::Cow, collections::HashMap};

use heartbeat_core::{
    badge::{Style, color::Color, text::Text},
    device::UNNAMED,
    stats::DeviceStats,
};
use url::form_urlencoded;

/// Kinds of badges: the name in URLs and the default label.
pub(super) const BADGES: [(&str, &str); 2] = [("last-seen", "last online"), ("total-beats", "total beats")];

/// Formats of badges: the extension in URLs and the name.
pub(super) const FORMATS: [(&str, &str); 2] = [("", "SVG"), (".png", "PNG")];

/// Characters of an alternative text that Markdown could take for markup, or a table for the end of a cell.
const MARKDOWN_SPECIAL: [char; 8] = ['\\', '[', ']', '<', '`', '*', '&', '|'];

/// Values of the form. Where the query has none that the form offers, the default is selected, so that the fields, the
/// badge and the snippets say the same.
pub(super) struct Form<'a> {
    /// Kind of badge: one of [`BADGES`].
    pub(super) badge: (&'static str, &'static str),
    /// Format: one of [`FORMATS`].
    pub(super) format: (&'static str, &'static str),
    /// Device; `None` for all of them.
    pub(super) device: Option<&'a DeviceStats>,
    pub(super) style: Style,
    /// Label; empty for the default one.
    pub(super) label: String,
    /// Whether the badge has no label at all. A form without scripts submits empty fields, too, so an empty label
    /// cannot say that.
    pub(super) no_label: bool,
    pub(super) label_color: ColorField,
    pub(super) color: ColorField,
    /// Whether a heart stands before the label.
    pub(super) heart: bool,
}

/// Field for a color; empty for the default one.
pub(super) struct ColorField {
    /// Text of the field. It is kept even when it is no color, so that it can be corrected.
    pub(super) text: String,
    pub(super) is_valid: bool,
}

impl ColorField {
    fn new(text: &str) -> Self {
        let text = clean(text);
        let is_valid = text.is_empty() || Color::parse(&text).is_some();
        Self { text, is_valid }
    }
}

impl<'a> Form<'a> {
    /// Parses the query of the page. Of repeated names, the last value counts.
    pub(super) fn parse(query: &str, devices: &'a [DeviceStats]) -> Self {
        let values: HashMap<Cow<'_, str>, Cow<'_, str>> = form_urlencoded::parse(query.as_bytes()).collect();
        let value = |name: &str| values.get(name).map_or("", Cow::as_ref);
        let one_of = |options: &[(&'static str, &'static str)], name: &str| {
            options.iter().find(|(option, _)| *option == value(name)).copied().unwrap_or(options[0])
        };
        Self {
            badge: one_of(&BADGES, "badge"),
            format: one_of(&FORMATS, "format"),
            device: devices.iter().find(|device| device.id.to_string() == value("device")),
            style: Style::ALL.into_iter().find(|style| style.name() == value("style")).unwrap_or_default(),
            label: clean(value("label")),
            no_label: !value("noLabel").is_empty(),
            label_color: ColorField::new(value("labelColor")),
            color: ColorField::new(value("color")),
            heart: value("logo") != "none",
        }
    }

    /// Whether the badge is of this device alone.
    pub(super) fn is_of(&self, device: &DeviceStats) -> bool {
        self.device.is_some_and(|selected| selected.id == device.id)
    }

    /// Returns the fields for colors: parameter, title, what the default is, and the field.
    pub(super) fn color_fields(&self) -> [(&'static str, &'static str, &'static str, &ColorField); 2] {
        [
            ("labelColor", "Label color", "default", &self.label_color),
            ("color", "Color", "by age", &self.color),
        ]
    }

    /// Whether the style has colors of its own, so that those of the form are not used.
    pub(super) fn has_fixed_colors(&self) -> bool {
        self.style == Style::Social
    }

    /// Whether there is a badge: all values that it uses are valid.
    pub(super) fn is_valid(&self) -> bool {
        self.has_fixed_colors() || (self.label_color.is_valid && self.color.is_valid)
    }

    /// Returns the alternative text of the badge: the label, or the default one, and the name of the device.
    pub(super) fn alt_text(&self) -> String {
        let label = if self.no_label || self.label.is_empty() { self.badge.1 } else { &self.label };
        match self.device.and_then(|device| device.name.as_deref()).map(clean) {
            Some(name) if !label.contains(&name) => format!("{name} {label}"),
            _ => label.to_owned(),
        }
    }

    /// Returns the path and query of the badge. The query has only what differs from the defaults.
    pub(super) fn path(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(device) = self.device {
            query.append_pair("device", &device.id.to_string());
        }
        if self.style != Style::default() {
            query.append_pair("style", self.style.name());
        }
        if self.no_label || !self.label.is_empty() {
            query.append_pair("label", if self.no_label { "" } else { &self.label });
        }
        for (name, _, _, field) in self.color_fields() {
            if !field.text.is_empty() && !self.has_fixed_colors() {
                query.append_pair(name, &field.text);
            }
        }
        if !self.heart {
            query.append_pair("logo", "none");
        }
        let query = query.finish();
        let separator = if query.is_empty() { "" } else { "?" };
        format!("/badge/{}{}{separator}{query}", self.badge.0, self.format.0)
    }

    /// Returns the snippets for a badge at the URL `badge` that links to the URL `page`: id, name and text of each.
    /// There are none if the form is invalid.
    pub(super) fn snippets(&self, badge: String, page: &str) -> [(&'static str, &'static str, String); 3] {
        let (markdown, html, badge) = if self.is_valid() {
            (self.markdown(&badge, page), self.html(&badge, page), badge)
        } else {
            Default::default()
        };
        [("markdown", "Markdown", markdown), ("html", "HTML", html), ("url", "URL", badge)]
    }

    fn markdown(&self, badge: &str, page: &str) -> String {
        let mut text = String::new();
        for c in self.alt_text().chars() {
            if MARKDOWN_SPECIAL.contains(&c) {
                text.push('\\');
            }
            text.push(c);
        }
        format!("[![{text}]({badge})]({page})")
    }

    fn html(&self, badge: &str, page: &str) -> String {
        let escape = |text: &str| {
            text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
        };
        let (page, badge, text) = (escape(page), escape(badge), escape(&self.alt_text()));
        format!(r#"<a href="{page}"><img src="{badge}" alt="{text}"></a>"#)
    }
}

/// Returns the devices with their names as the form lists them: the id is added to those that would look alike.
pub(super) fn named(devices: &[DeviceStats]) -> Vec<(&DeviceStats, String)> {
    let names: Vec<_> =
        devices.iter().map(|device| clean(device.name.as_deref().unwrap_or(UNNAMED))).collect();
    let mut uses = HashMap::new();
    for name in &names {
        *uses.entry(name.as_str()).or_insert(0) += 1;
    }
    let label = |name: &str, id| if uses[name] > 1 { format!("{name} (id {id})") } else { name.to_owned() };
    devices.iter().zip(&names).map(|(device, name)| (device, label(name, device.id))).collect()
}

/// Returns the text as the badge shows it: without control characters, with single spaces, at most 64 characters.
fn clean(text: &str) -> String {
    Text::new(text).as_str().to_owned()
}
