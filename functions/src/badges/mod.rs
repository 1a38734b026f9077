//! Routes that return images. The module itself holds the parameters, formats and headers that all badges share.
//!
//! - [`last_seen`]: `GET /badge/last-seen`
//! - [`total_beats`]: `GET /badge/total-beats`
//! - [`og`]: `GET /og.png`
//! - [`image_cache`]: images that were drawn recently

pub(crate) mod image_cache;
pub mod last_seen;
pub mod og;
pub mod total_beats;

use std::borrow::Cow;

use axum::{
    Extension, Router,
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
        client_ip::ClientIp,
        conditional::{REVALIDATE_ALWAYS, Representation},
        number::canonical_number,
        problem::{Problem, RETRY_AFTER_SECONDS},
    },
};
use image_cache::Image;

/// `Content-Security-Policy` of badges: an SVG that is opened by itself may load nothing but its own styles and logo.
const BADGE_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; img-src data:");

/// Largest `cacheSeconds`: a day.
pub(crate) const MAX_CACHE_SECONDS: u32 = 86_400;

/// Largest scale of a PNG: pixels in each direction for one unit of the SVG.
pub(crate) const MAX_SCALE: u8 = 4;

/// A kind of badge: the value that it shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BadgeKind {
    /// Default label.
    pub(crate) label: &'static str,
    /// Creates the badge with this label, for all devices or for the one at this index of the stats.
    pub(crate) create: fn(label: &str, stats: &Stats, device: Option<usize>) -> Badge,
}

/// Returns the router of a kind of badge, with one path for each format.
pub(crate) fn router(paths: &'static [&'static str], kind: BadgeKind) -> Router<App> {
    paths.iter().fold(Router::new(), |router, path| {
        let format = Format::of(path);
        let handler = async move |State(app): State<App>,
                                  Now(now): Now,
                                  RawQuery(query): RawQuery,
                                  Extension(client): Extension<ClientIp>,
                                  headers: HeaderMap| {
            let query = query.as_deref().unwrap_or_default();
            let request = BadgeRequest { kind, path, format, query, client };
            request.respond(&app, now, &headers).await
        };
        router.route(path, get(handler))
    })
}

/// Format of a badge, by the extension of its path.
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

/// A request for a badge.
#[derive(Debug, Clone, Copy)]
struct BadgeRequest<'a> {
    kind: BadgeKind,
    path: &'static str,
    format: Format,
    query: &'a str,
    client: ClientIp,
}

impl BadgeRequest<'_> {
    async fn respond(self, app: &App, now: OffsetDateTime, headers: &HeaderMap) -> Response {
        let mut response = match self.render(app, now).await {
            Ok((representation, cache_control)) => representation.respond(headers, cache_control),
            Err(response) => response,
        };
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CONTENT_SECURITY_POLICY, BADGE_POLICY);
        response
    }

    /// Returns the badge with its `Cache-Control`, or the response with an error badge.
    async fn render(self, app: &App, now: OffsetDateTime) -> Result<(Representation, HeaderValue), Response> {
        let url = format!("{}?{}", self.path, self.query);
        let revision = app.heartbeat.revision(now).await.ok();
        if let Some(cached) = revision.and_then(|revision| app.badge_cache.get(&url, revision)) {
            return Ok(cached);
        }
        let Self { kind, format, client, .. } = self;
        let parameters = match Parameters::parse(self.query) {
            Ok(parameters) => parameters,
            Err(message) => {
                let error = BadgeError { status: StatusCode::BAD_REQUEST, message };
                return Err(error_response(app, self, &error, &Parameters::default()).await);
            }
        };
        let badge = match create_badge(app, kind, &parameters, now).await {
            Ok(badge) => badge,
            Err(error) => return Err(error_response(app, self, &error, &parameters).await),
        };
        let image = image(format, badge, parameters.scale, false);
        let image = app.image_cache.get_or_draw(image, client).await.map_err(Problem::into_response)?;
        let rendered = (image, parameters.cache_control());
        if let Some(revision) = revision {
            app.badge_cache.insert(&url, revision, rendered.clone());
        }
        Ok(rendered)
    }
}

/// Creates the badge that the parameters describe.
async fn create_badge(
    app: &App,
    kind: BadgeKind,
    parameters: &Parameters,
    now: OffsetDateTime,
) -> Result<Badge, BadgeError> {
    let snapshot = app.heartbeat.snapshot(now).await.map_err(|error| {
        let status = Problem::from(error).status();
        BadgeError { status, message: "unavailable".into() }
    })?;
    let stats = &snapshot.stats;
    let (device, label) = match &parameters.device {
        None => (None, Cow::Borrowed(kind.label)),
        Some(id) => {
            let unknown = BadgeError { status: StatusCode::NOT_FOUND, message: "no such device".into() };
            let id: i64 = canonical_number(id).ok_or_else(|| unknown.clone())?;
            let index = stats.device_index(id).ok_or(unknown)?;
            let label = match &stats.devices[index].name {
                Some(name) => Cow::Owned(format!("{name} {}", kind.label)),
                None => Cow::Borrowed(kind.label),
            };
            (Some(index), label)
        }
    };
    let badge = (kind.create)(parameters.label.as_deref().unwrap_or(&label), stats, device);
    Ok(Badge {
        style: parameters.style,
        color: parameters.color.clone().unwrap_or(badge.color),
        label_color: parameters.label_color.clone(),
        heart: parameters.heart,
        ..badge
    })
}

/// Reason for which there is no value to show.
#[derive(Debug, Clone)]
struct BadgeError {
    status: StatusCode,
    message: Cow<'static, str>,
}

/// Returns a response with an error badge: a README has no other place for the message.
async fn error_response(
    app: &App,
    request: BadgeRequest<'_>,
    error: &BadgeError,
    parameters: &Parameters,
) -> Response {
    let BadgeRequest { kind, format, client, .. } = request;
    let label = parameters.label.as_deref().unwrap_or(kind.label);
    let badge = Badge {
        style: parameters.style,
        heart: parameters.heart,
        ..Badge::without_figure(label, &error.message)
    };
    let image = image(format, badge, parameters.scale, true);
    let representation = match app.image_cache.get_or_draw(image, client).await {
        Ok(representation) => representation,
        Err(problem) => return problem.into_response(),
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(representation.content_type)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let mut response = (error.status, headers, representation.body).into_response();
    if error.status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
    }
    response
}

fn image(format: Format, badge: Badge, scale: u8, is_error: bool) -> Image {
    match format {
        Format::Svg => Image::Svg(badge),
        Format::Png => Image::Png(badge, scale),
        Format::Json => Image::Json(badge, is_error),
    }
}

/// Query parameters of a badge, named as in shields.io.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) style: Style,
    pub(crate) label: Option<String>,
    label_color: Option<Color>,
    color: Option<Color>,
    heart: bool,
    cache_seconds: Option<u32>,
    /// Device id as in the query. A non-numeric id answers 404, as an unknown one does.
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
                let seconds = canonical_number(value).filter(|seconds| *seconds <= MAX_CACHE_SECONDS);
                self.cache_seconds = Some(seconds.ok_or("cacheSeconds: not from 0 to 86400")?);
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

    fn cache_control(&self) -> HeaderValue {
        self.cache_seconds
            .and_then(|seconds| HeaderValue::try_from(format!("max-age={seconds}")).ok())
            .unwrap_or(REVALIDATE_ALWAYS)
    }
}
