//! Query parameters of badges.

use std::borrow::Cow;

use heartbeat_core::badge::{Style, color::Color};
use url::form_urlencoded;

use super::{MAX_CACHE_SECONDS, MAX_SCALE};
use crate::http::number::canonical_number;

/// Query parameters of a badge, named as in shields.io.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) style: Style,
    pub(crate) label: Option<String>,
    pub(super) label_color: Option<Color>,
    pub(super) color: Option<Color>,
    pub(super) heart: bool,
    pub(super) cache_seconds: Option<u32>,
    /// Device id as in the query. A non-numeric id answers 404, as an unknown one does.
    pub(super) device: Option<String>,
    pub(super) scale: u8,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            style: Style::default(),
            label: None,
            label_color: None,
            color: None,
            heart: true,
            cache_seconds: None,
            device: None,
            scale: 1,
        }
    }
}

impl Parameters {
    /// Parses a query. Unknown names and empty values are ignored; of repeated names, the last value counts. Returns
    /// the text of the error badge on an invalid value.
    pub(crate) fn parse(query: &str) -> Result<Self, Cow<'static, str>> {
        let mut parameters = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            // An empty label makes a badge without a label.
            if name == "label" {
                parameters.label = Some(value.into_owned());
            } else if !value.is_empty() {
                parameters.set(&name, &value)?;
            }
        }
        Ok(parameters)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Cow<'static, str>> {
        let color = || color(name, value);
        match name {
            "style" => {
                let style = Style::ALL.into_iter().find(|style| style.name() == value);
                self.style = style.ok_or("style: not one of shields.io's")?;
            }
            "labelColor" => self.label_color = Some(color()?),
            "color" => self.color = Some(color()?),
            "logo" => {
                self.heart = match value {
                    "heart" => true,
                    "none" => false,
                    _ => return Err("logo: neither heart nor none".into()),
                }
            }
            "cacheSeconds" => {
                self.cache_seconds = Some(cache_seconds(value)?);
            }
            "device" => self.device = Some(value.to_owned()),
            "scale" => {
                let scale = canonical_number(value).filter(|scale| (1..=MAX_SCALE).contains(scale));
                self.scale = scale.ok_or("scale: not from 1 to 4")?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Parses a color, or returns the text of the error badge.
pub(super) fn color(name: &str, value: &str) -> Result<Color, Cow<'static, str>> {
    Color::parse(value).ok_or_else(|| format!("{name}: not a color").into())
}

/// Parses `cacheSeconds`, or returns the text of the error badge.
pub(super) fn cache_seconds(value: &str) -> Result<u32, Cow<'static, str>> {
    let seconds = canonical_number(value).filter(|seconds| *seconds <= MAX_CACHE_SECONDS);
    seconds.ok_or_else(|| "cacheSeconds: not from 0 to 86400".into())
}
