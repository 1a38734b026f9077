//! Query parameters of pictures, named as in similar services.

use std::borrow::Cow;

use heartbeat_core::badge::picture::look::{Background, Look, Theme, WIDTHS};
use time::Weekday;
use url::form_urlencoded;

use super::Kind;
use crate::{
    badges::parameters::{cache_seconds, color},
    http::number::canonical_number,
};

/// Parts of the card that `hide` names.
pub(crate) const PARTS: [&str; 5] = ["name", "last-seen", "timeline", "beats", "longest-absence"];

/// Days with which a week can begin, the default first.
pub(crate) const WEEK_STARTS: [(&str, Weekday); 2] =
    [("monday", Weekday::Monday), ("sunday", Weekday::Sunday)];

/// Parameters of a picture.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) look: Look,
    /// Title, instead of the default; empty for none.
    pub(crate) label: Option<String>,
    /// Device id as in the query.
    pub(super) device: Option<String>,
    pub(super) week_start: Weekday,
    /// Year of the heatmap; by default, the last 365 days.
    pub(super) year: Option<i32>,
    /// Parts of the card that are left out.
    hidden: Vec<&'static str>,
    pub(super) cache_seconds: Option<u32>,
}

impl Parameters {
    /// Parses the query of a kind of picture. Unknown names and empty values are ignored; of repeated names, the last value
    /// counts. Returns the text of the error badge on an invalid value.
    pub(crate) fn parse(query: &str, kind: Kind) -> Result<Self, Cow<'static, str>> {
        let mut parameters = Self {
            look: Look::default(),
            label: None,
            device: None,
            week_start: WEEK_STARTS[0].1,
            year: None,
            hidden: Vec::new(),
            cache_seconds: None,
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            // An empty label makes a picture without a title.
            if name == "label" {
                parameters.label = Some(value.into_owned());
            } else if !value.is_empty() {
                parameters.set(&name, &value, kind)?;
            }
        }
        Ok(parameters)
    }

    /// Whether a part of the card is shown.
    pub(super) fn shows(&self, part: &str) -> bool {
        !self.hidden.contains(&part)
    }

    fn set(&mut self, name: &str, value: &str, kind: Kind) -> Result<(), Cow<'static, str>> {
        match name {
            "theme" => {
                let theme = Theme::ALL.into_iter().find(|theme| theme.name() == value);
                self.look.theme = theme.ok_or("theme: not light, dark or auto")?;
            }
            "color" => self.look.color = Some(color(name, value)?),
            "bg" if value == "transparent" => self.look.background = Background::Transparent,
            "bg" => self.look.background = Background::Color(color(name, value)?),
            "hide_border" => {
                self.look.border = match value {
                    "true" | "1" => false,
                    "false" | "0" => true,
                    _ => return Err("hide_border: neither true nor false".into()),
                }
            }
            "width" => {
                let width = canonical_number(value).filter(|width| WIDTHS.contains(width));
                self.look.width = Some(width.ok_or("width: not from 100 to 2000")?);
            }
            "device" => self.device = Some(value.to_owned()),
            "cacheSeconds" => self.cache_seconds = Some(cache_seconds(value)?),
            "week_start" if kind == Kind::Heatmap => {
                let start = WEEK_STARTS.into_iter().find(|(name, _)| *name == value);
                self.week_start = start.ok_or("week_start: neither monday nor sunday")?.1;
            }
            "year" if kind == Kind::Heatmap => {
                self.year = Some(canonical_number(value).ok_or("year: not a year such as 2026")?);
            }
            "hide" if kind == Kind::Card => {
                self.hidden =
                    value.split(',').map(|part| parse_part(part.trim())).collect::<Result<_, _>>()?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn parse_part(text: &str) -> Result<&'static str, &'static str> {
    let part = PARTS.into_iter().find(|part| *part == text);
    part.ok_or("hide: not name, last-seen, timeline, beats, longest-absence")
}
