//! State of the builder, which is the query of the page.

use std::{borrow::Cow, collections::HashMap};

use heartbeat_core::{
    badge::{Style, color::Color, picture::look::Theme, text::Text},
    device::UNNAMED,
    stats::DeviceStats,
};
use url::form_urlencoded;

use crate::badges::pictures::{PARTS, WEEK_STARTS};

/// What can be embedded: the value in the query of the page, the name, and the kind.
pub(super) const KINDS: [(&str, &str, Kind); 5] = [
    ("last-seen", "last online (badge)", Kind::Badge("last online")),
    ("total-beats", "total beats (badge)", Kind::Badge("total beats")),
    ("heatmap", "a year, day by day", Kind::Heatmap),
    ("card", "card", Kind::Card),
    ("live", "live text for your own page", Kind::Element),
];

/// Formats of images: the extension in URLs and the name.
pub(super) const FORMATS: [(&str, &str); 2] = [("", "SVG"), (".png", "PNG")];

/// Themes of pictures: the value in the query and the name. Without a value there is a picture of each of the first two, and the
/// page on which they stand chooses.
pub(super) const THEMES: [(&str, &str); 4] =
    [("", "light and dark"), ("light", "light"), ("dark", "dark"), ("auto", "as the browser is")];

/// What is embedded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A badge with this label by default.
    Badge(&'static str),
    /// A year as squares.
    Heatmap,
    /// Last beat, timeline and figures.
    Card,
    /// The element `<heartbeat-status>`.
    Element,
}

impl Kind {
    pub(super) fn is_badge(self) -> bool {
        matches!(self, Self::Badge(_))
    }

    /// Whether it is a picture, with the parameters of those.
    pub(super) fn is_picture(self) -> bool {
        matches!(self, Self::Heatmap | Self::Card)
    }
}

/// Values of the form. Where the query has none that the form offers, the default is selected, so that the fields, the
/// preview and the snippets say the same. Fields of other kinds keep their values, and are not used.
pub(super) struct Form<'a> {
    /// Kind, by its value in the query.
    pub(super) badge: &'static str,
    pub(super) kind: Kind,
    /// Format: one of [`FORMATS`].
    pub(super) format: (&'static str, &'static str),
    /// Device; `None` for all of them.
    pub(super) device: Option<&'a DeviceStats>,
    pub(super) style: Style,
    /// Label; empty for the default one.
    pub(super) label: String,
    /// Whether there is no label at all. A form without scripts submits empty fields, too, so an empty label cannot say that.
    pub(super) no_label: bool,
    pub(super) label_color: ColorField,
    pub(super) color: ColorField,
    /// Whether a heart stands before the label of a badge.
    pub(super) heart: bool,
    /// Theme of a picture: one of [`THEMES`].
    pub(super) theme: (&'static str, &'static str),
    /// Whether a picture has no background.
    pub(super) is_transparent: bool,
    /// Whether a picture has no border.
    pub(super) hides_border: bool,
    /// Day with which weeks of the heatmap begin.
    pub(super) week_start: &'static str,
    /// Parts of the card that are left out.
    pub(super) hidden: Vec<&'static str>,
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
    /// Parses the query of the page. Of repeated names, the last value counts, but for parts to hide.
    pub(super) fn parse(query: &str, devices: &'a [DeviceStats]) -> Self {
        let pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = form_urlencoded::parse(query.as_bytes()).collect();
        let value = |name: &str| pairs.iter().rfind(|(key, _)| key == name).map_or("", |(_, value)| value);
        let one_of = |options: &[(&'static str, &'static str)], name: &str| {
            options.iter().find(|(option, _)| *option == value(name)).copied().unwrap_or(options[0])
        };
        let (badge, _, kind) =
            KINDS.into_iter().find(|(name, ..)| *name == value("badge")).unwrap_or(KINDS[0]);
        let is_hidden = |part: &&str| pairs.iter().any(|(key, value)| key == "hide" && value == *part);
        let week_start = WEEK_STARTS.into_iter().find(|(name, _)| *name == value("week_start"));
        Self {
            badge,
            kind,
            format: one_of(&FORMATS, "format"),
            device: devices.iter().find(|device| device.id.to_string() == value("device")),
            style: Style::ALL.into_iter().find(|style| style.name() == value("style")).unwrap_or_default(),
            label: clean(value("label")),
            no_label: !value("noLabel").is_empty(),
            label_color: ColorField::new(value("labelColor")),
            color: ColorField::new(value("color")),
            heart: value("logo") != "none",
            theme: one_of(&THEMES, "theme"),
            is_transparent: value("bg") == "transparent",
            hides_border: value("hide_border") == "true",
            week_start: week_start.unwrap_or(WEEK_STARTS[0]).0,
            hidden: PARTS.into_iter().filter(is_hidden).collect(),
        }
    }

    /// Whether it is of this device alone.
    pub(super) fn is_of(&self, device: &DeviceStats) -> bool {
        self.device.is_some_and(|selected| selected.id == device.id)
    }

    /// Whether the style has colors of its own, so that those of the form are not used.
    pub(super) fn has_fixed_colors(&self) -> bool {
        self.kind.is_badge() && self.style == Style::Social
    }

    /// Whether there is anything to embed: all values that it uses are valid.
    pub(super) fn is_valid(&self) -> bool {
        let has_label_color = self.kind.is_badge();
        self.has_fixed_colors()
            || self.kind == Kind::Element
            || (self.color.is_valid && (self.label_color.is_valid || !has_label_color))
    }

    /// Whether there is a light and a dark picture.
    pub(super) fn has_both_themes(&self) -> bool {
        self.kind.is_picture() && self.theme == THEMES[0]
    }

    /// Returns the alternative text of the image: the label, or the default one, and the name of the device.
    pub(super) fn alt_text(&self) -> String {
        let default = match self.kind {
            Kind::Badge(label) => label,
            Kind::Heatmap => "days in use",
            Kind::Card | Kind::Element => "heartbeat",
        };
        let label = if self.no_label || self.label.is_empty() { default } else { &self.label };
        match self.device.and_then(|device| device.name.as_deref()).map(clean) {
            Some(name) if !label.contains(&name) => format!("{name} {label}"),
            _ => label.to_owned(),
        }
    }

    /// Returns the path and query of the image. The query has only what differs from the defaults.
    pub(super) fn path(&self) -> String {
        self.themed_path(self.theme.0)
    }

    /// Returns the path and query of the dark one of two pictures.
    pub(super) fn dark_path(&self) -> String {
        self.themed_path(Theme::Dark.name())
    }

    fn themed_path(&self, theme: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(device) = self.device {
            query.append_pair("device", &device.id.to_string());
        }
        if self.kind.is_badge() && self.style != Style::default() {
            query.append_pair("style", self.style.name());
        }
        if self.kind.is_picture() && !theme.is_empty() && theme != Theme::default().name() {
            query.append_pair("theme", theme);
        }
        if self.no_label || !self.label.is_empty() {
            query.append_pair("label", if self.no_label { "" } else { &self.label });
        }
        self.append_colors(&mut query);
        match self.kind {
            Kind::Badge(_) if !self.heart => {
                query.append_pair("logo", "none");
            }
            Kind::Heatmap if self.week_start != WEEK_STARTS[0].0 => {
                query.append_pair("week_start", self.week_start);
            }
            Kind::Card if !self.hidden.is_empty() => {
                query.append_pair("hide", &self.hidden.join(","));
            }
            _ => {}
        }
        // A comma needs no escape in a query (RFC 3986, section 3.4), and is easier to read.
        let query = query.finish().replace("%2C", ",");
        let separator = if query.is_empty() { "" } else { "?" };
        let folder = if self.kind.is_badge() { "/badge" } else { "" };
        let extension =
            if self.format.0.is_empty() && self.kind.is_picture() { ".svg" } else { self.format.0 };
        format!("{folder}/{}{extension}{separator}{query}", self.badge)
    }

    fn append_colors(&self, query: &mut form_urlencoded::Serializer<'_, String>) {
        let fields = [("labelColor", &self.label_color), ("color", &self.color)];
        for (name, field) in fields.into_iter().filter(|(name, _)| self.kind.is_badge() || *name == "color") {
            if !field.text.is_empty() && !self.has_fixed_colors() {
                query.append_pair(name, &field.text);
            }
        }
        if self.kind.is_picture() && self.is_transparent {
            query.append_pair("bg", "transparent");
        }
        if self.kind.is_picture() && self.hides_border {
            query.append_pair("hide_border", "true");
        }
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

/// Returns the text as an image shows it: without control characters, with single spaces, at most 64 characters.
fn clean(text: &str) -> String {
    Text::new(text).as_str().to_owned()
}
