//! Routes that return images. The module itself holds what all badges share.
//!
//! - [`parameters`]: the query of a badge
//! - [`last_seen`]: `GET /badge/last-seen`
//! - [`total_beats`]: `GET /badge/total-beats`
//! - [`og`]: `GET /og.png`
//! - [`pictures`]: `GET /heatmap.svg`, `GET /card.svg`
//! - [`image_cache`]: images that were drawn recently

pub(crate) mod image_cache;
pub mod last_seen;
pub mod og;
mod parameters;
pub mod pictures;
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
use heartbeat_core::{Error, badge::Badge, stats::Stats};
use time::OffsetDateTime;

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
pub(crate) use parameters::Parameters;

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
        respond(self.render(app, now).await, headers)
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
                return Err(self.refuse(app, &error, &Parameters::default()).await);
            }
        };
        let badge = match create_badge(app, kind, &parameters, now).await {
            Ok(badge) => badge,
            Err(error) => return Err(self.refuse(app, &error, &parameters).await),
        };
        let image = image(format, badge, parameters.scale, false);
        let image = app.image_cache.get_or_draw(image, client).await.map_err(Problem::into_response)?;
        let rendered = (image, cache_control(parameters.cache_seconds));
        if let Some(revision) = revision {
            app.badge_cache.insert(&url, revision, rendered.clone());
        }
        Ok(rendered)
    }

    /// Returns the response with an error badge.
    async fn refuse(self, app: &App, error: &BadgeError, parameters: &Parameters) -> Response {
        let label = parameters.label.as_deref().unwrap_or(self.kind.label);
        let badge = Badge {
            style: parameters.style,
            heart: parameters.heart,
            ..Badge::without_figure(label, &error.message)
        };
        error_response(app, self.client, image(self.format, badge, parameters.scale, true), error.status)
            .await
    }
}

/// Returns the response to a request with these headers, with those of all badges and pictures.
fn respond(rendered: Result<(Representation, HeaderValue), Response>, request: &HeaderMap) -> Response {
    let mut response = match rendered {
        Ok((representation, cache_control)) => representation.respond(request, cache_control),
        Err(response) => response,
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, BADGE_POLICY);
    response
}

/// Returns the `Cache-Control` of an image that clients may cache for so long.
fn cache_control(seconds: Option<u32>) -> HeaderValue {
    seconds
        .and_then(|seconds| HeaderValue::try_from(format!("max-age={seconds}")).ok())
        .unwrap_or(REVALIDATE_ALWAYS)
}

/// Creates the badge that the parameters describe.
async fn create_badge(
    app: &App,
    kind: BadgeKind,
    parameters: &Parameters,
    now: OffsetDateTime,
) -> Result<Badge, BadgeError> {
    let snapshot = app.heartbeat.snapshot(now).await?;
    let stats = &snapshot.stats;
    let device = parameters.device.as_deref().map(|id| device_index(stats, id)).transpose()?;
    let label = match device.and_then(|index| stats.devices[index].name.as_deref()) {
        Some(name) => Cow::Owned(format!("{name} {}", kind.label)),
        None => Cow::Borrowed(kind.label),
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

/// Returns the index of a device that strangers may see, by its id as it is in a query. A non-numeric id answers 404, as an
/// unknown one does.
fn device_index(stats: &Stats, id: &str) -> Result<usize, BadgeError> {
    let index = canonical_number(id).and_then(|id| stats.device_index(id));
    index.ok_or(BadgeError { status: StatusCode::NOT_FOUND, message: "no such device".into() })
}

/// Reason for which there is no value to show.
#[derive(Debug, Clone)]
struct BadgeError {
    status: StatusCode,
    message: Cow<'static, str>,
}

impl From<Error> for BadgeError {
    fn from(error: Error) -> Self {
        Self { status: Problem::from(error).status(), message: "unavailable".into() }
    }
}

/// Returns a response with an error badge: a README has no other place for the message.
async fn error_response(app: &App, client: ClientIp, image: Image, status: StatusCode) -> Response {
    let representation = match app.image_cache.get_or_draw(image, client).await {
        Ok(representation) => representation,
        Err(problem) => return problem.into_response(),
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(representation.content_type)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let mut response = (status, headers, representation.body).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
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
