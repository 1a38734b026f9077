//! Routes that answer images. The module itself holds what all badges share: parameters, formats, headers.
//!
//! - [`last_seen`]: `GET /badge/last-seen`
//! - [`total_beats`]: `GET /badge/total-beats`
//! - [`og`]: `GET /og.png`
//! - [`image_cache`]: drawings kept for the moment

pub(crate) mod image_cache;
pub mod last_seen;
pub mod og;
pub mod total_beats;

use std::borrow::Cow;

use axum::{
    Router,
    extract::{RawQuery, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use heartbeat_core::{
    badge::{Badge, Style, color::Color},
    stats::Stats,
};
use time::OffsetDateTime;
use url::form_urlencoded;

use crate::{
    App,
    app::Now,
    http::{
        conditional::{REVALIDATE_ALWAYS, Representation},
        problem::{Problem, RETRY_AFTER_SECONDS},
    },
};
use image_cache::Image;

/// A drawing that is opened by itself may style itself, and nothing else.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; img-src data:");

/// The longest time for which a client may be told to keep a badge, in seconds: a day.
pub(crate) const CACHE_SECONDS_MAX: u32 = 86_400;

/// The largest PNG: four pixels in each direction for one of the drawing's.
pub(crate) const SCALE_MAX: u8 = 4;

/// What a badge shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure {
    /// What the badge says it is.
    pub(crate) label: &'static str,
    /// Makes the badge with this label for all devices or for the one with this id, of which there are
    /// these figures.
    pub(crate) badge: fn(label: &str, stats: &Stats, device: Option<usize>, now: OffsetDateTime) -> Badge,
}

/// The router of a badge, with one path for each format.
pub(crate) fn router(paths: &'static [&'static str], figure: Figure) -> Router<App> {
    paths.iter().fold(Router::new(), |router, path| {
        let format = Format::of(path);
        let handler = async move |State(app): State<App>,
                                  Now(now): Now,
                                  RawQuery(query): RawQuery,
                                  headers: HeaderMap| {
            let asked = Asked { figure, path, format, query: query.as_deref().unwrap_or_default() };
            asked.answer(&app, now, &headers).await
        };
        router.route(path, get(handler))
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Svg,
    Png,
    Json,
}

impl Format {
    pub(crate) fn of(path: &str) -> Self {
        match path.rsplit_once('.') {
            Some((_, "png")) => Self::Png,
            Some((_, "json")) => Self::Json,
            _ => Self::Svg,
        }
    }
}

/// What was asked for.
#[derive(Debug, Clone, Copy)]
struct Asked<'a> {
    figure: Figure,
    path: &'static str,
    format: Format,
    query: &'a str,
}

impl Asked<'_> {
    async fn answer(self, app: &App, now: OffsetDateTime, request: &HeaderMap) -> Response {
        let mut response = match self.shown(app, now).await {
            Ok((representation, cache_control)) => representation.answer(request, cache_control),
            Err(refusal) => refusal,
        };
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CONTENT_SECURITY_POLICY, POLICY);
        response
    }

    /// The badge and its `Cache-Control`, or a badge that says why there is none.
    async fn shown(self, app: &App, now: OffsetDateTime) -> Result<(Representation, HeaderValue), Response> {
        let address = format!("{}?{}", self.path, self.query);
        let revision = app.heartbeat.revision(now).await.ok();
        if let Some(shown) = revision.and_then(|revision| app.badges.get(&address, revision)) {
            return Ok(shown);
        }
        let Self { figure, format, .. } = self;
        let parameters = match Parameters::parse(self.query) {
            Ok(parameters) => parameters,
            Err(message) => {
                let refusal = Refusal { status: StatusCode::BAD_REQUEST, message };
                return Err(refuse(app, figure, format, &refusal, &Parameters::default()).await);
            }
        };
        let badge = match show(app, figure, &parameters, now).await {
            Ok(badge) => badge,
            Err(refusal) => return Err(refuse(app, figure, format, &refusal, &parameters).await),
        };
        let picture = picture(format, badge, parameters.scale, false);
        let shown = (app.image_cache.get(picture).await, parameters.cache_control());
        if let Some(revision) = revision {
            app.badges.keep(&address, revision, shown.clone());
        }
        Ok(shown)
    }
}

/// The badge that was asked for.
async fn show(
    app: &App,
    figure: Figure,
    parameters: &Parameters,
    now: OffsetDateTime,
) -> Result<Badge, Refusal> {
    let snapshot = app.heartbeat.snapshot(now).await.map_err(|error| {
        let status = Problem::from(error).status();
        Refusal { status, message: "unavailable".into() }
    })?;
    let stats = &snapshot.stats;
    let (device, label) = match &parameters.device {
        None => (None, Cow::Borrowed(figure.label)),
        Some(id) => {
            let unknown = Refusal { status: StatusCode::NOT_FOUND, message: "no such device".into() };
            let id: i64 = id.parse().map_err(|_| unknown.clone())?;
            let at = stats.devices.binary_search_by_key(&id, |device| device.id).map_err(|_| unknown)?;
            let label = match &stats.devices[at].name {
                Some(name) => Cow::Owned(format!("{name} {}", figure.label)),
                None => Cow::Borrowed(figure.label),
            };
            (Some(at), label)
        }
    };
    let badge = (figure.badge)(parameters.label.as_deref().unwrap_or(&label), stats, device, now);
    Ok(Badge {
        style: parameters.style,
        color: parameters.color.clone().unwrap_or(badge.color),
        label_color: parameters.label_color.clone(),
        heart: parameters.heart,
        ..badge
    })
}

/// Why there is no figure to show.
#[derive(Debug, Clone)]
struct Refusal {
    status: StatusCode,
    message: Cow<'static, str>,
}

/// A badge that says why there is no figure: a README has no other place to say it.
async fn refuse(
    app: &App,
    figure: Figure,
    format: Format,
    refusal: &Refusal,
    parameters: &Parameters,
) -> Response {
    let label = parameters.label.as_deref().unwrap_or(figure.label);
    let badge = Badge {
        style: parameters.style,
        heart: parameters.heart,
        ..Badge::without_figure(label, &refusal.message)
    };
    let representation = app.image_cache.get(picture(format, badge, parameters.scale, true)).await;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(representation.content_type)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let mut response = (refusal.status, headers, representation.body).into_response();
    if refusal.status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
    }
    response
}

fn picture(format: Format, badge: Badge, scale: u8, is_error: bool) -> Image {
    match format {
        Format::Svg => Image::Svg(badge),
        Format::Png => Image::Png(badge, scale),
        Format::Json => Image::Json(badge, is_error),
    }
}

/// What the address of a badge asks for, under the names that shields.io uses.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) style: Style,
    pub(crate) label: Option<String>,
    label_color: Option<Color>,
    color: Option<Color>,
    heart: bool,
    cache_seconds: Option<u32>,
    /// As it was written: what is no number is no device.
    device: Option<String>,
    scale: u8,
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
    /// Reads a query. Names that are none of ours are passed over; of a name that comes twice, the last
    /// value counts; a name without a value is passed over, too. The error says what is wrong.
    pub(crate) fn parse(query: &str) -> Result<Self, Cow<'static, str>> {
        let mut parameters = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            // An empty label is a badge without one.
            if name == "label" {
                parameters.label = Some(value.into_owned());
            } else if !value.is_empty() {
                parameters.set(&name, &value)?;
            }
        }
        Ok(parameters)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Cow<'static, str>> {
        let color = || Color::parse(value).ok_or_else(|| Cow::Owned(format!("{name}: not a color")));
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
                let seconds = value.parse().ok().filter(|seconds| *seconds <= CACHE_SECONDS_MAX);
                self.cache_seconds = Some(seconds.ok_or("cacheSeconds: not from 0 to 86400")?);
            }
            "device" => self.device = Some(value.to_owned()),
            "scale" => {
                let scale = value.parse().ok().filter(|scale| (1..=SCALE_MAX).contains(scale));
                self.scale = scale.ok_or("scale: not from 1 to 4")?;
            }
            _ => {}
        }
        Ok(())
    }

    fn cache_control(&self) -> HeaderValue {
        self.cache_seconds
            .and_then(|seconds| HeaderValue::try_from(format!("max-age={seconds}")).ok())
            .unwrap_or(REVALIDATE_ALWAYS)
    }
}
