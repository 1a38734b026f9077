//! Pictures of the history, for READMEs. They show what strangers may see, even to the owner: a README's images come through
//! proxies.
//!
//! - [`heatmap`]: `GET /heatmap.svg`
//! - [`card`]: `GET /card.svg`
//! - [`parameters`]: their query

pub mod card;
pub mod heatmap;
mod parameters;

use axum::{
    Extension, Router,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use heartbeat_core::{
    badge::{
        Badge,
        picture::{Content, Picture},
    },
    heartbeat::history::HistoryView,
};
use time::{Date, Duration, OffsetDateTime};

use super::{BadgeError, Format, cache_control, error_response, image_cache::Image, respond};
use crate::{
    App,
    app::Now,
    http::{
        client_ip::ClientIp, conditional::Representation, problem::Problem, response_cache::HistoryVersion,
    },
};
pub(crate) use parameters::{PARTS, Parameters, WEEK_STARTS};

/// A kind of picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A year as squares.
    Heatmap,
    /// Last beat, timeline and figures.
    Card,
}

impl Kind {
    /// Label of its error badges.
    fn name(self) -> &'static str {
        match self {
            Self::Heatmap => "heatmap",
            Self::Card => "card",
        }
    }
}

/// Returns the last day of which strangers may know anything. A boundary at midnight is the end of the day before.
fn last_known_day(view: &HistoryView) -> Date {
    view.timezone.date(view.until - Duration::SECOND)
}

/// Returns the router of a kind of picture, with one path for each format.
fn router(paths: &'static [&'static str], kind: Kind) -> Router<App> {
    paths.iter().fold(Router::new(), |router, path| {
        let handler = async move |State(app): State<App>,
                                  Now(now): Now,
                                  RawQuery(query): RawQuery,
                                  Extension(client): Extension<ClientIp>,
                                  headers: HeaderMap| {
            let query = query.as_deref().unwrap_or_default();
            let request = PictureRequest { kind, path, query, client };
            respond(request.render(&app, now).await, &headers)
        };
        router.route(path, get(handler))
    })
}

/// A request for a picture.
#[derive(Debug, Clone, Copy)]
struct PictureRequest<'a> {
    kind: Kind,
    path: &'static str,
    query: &'a str,
    client: ClientIp,
}

impl PictureRequest<'_> {
    /// Returns the picture with its `Cache-Control`, or the response with an error badge.
    async fn render(self, app: &App, now: OffsetDateTime) -> Result<(Representation, HeaderValue), Response> {
        let url = format!("{}?{}", self.path, self.query);
        let version = HistoryVersion::at(now, app).await.ok();
        if let Some(cached) = version.and_then(|version| app.picture_cache.get(&url, version)) {
            return Ok(cached);
        }
        let (picture, cache_seconds) = match self.create(app, now).await {
            Ok(created) => created,
            Err(error) => return Err(self.refuse(app, &error).await),
        };
        let image = match Format::of(self.path) {
            Format::Png => Image::PicturePng(Box::new(picture)),
            _ => Image::PictureSvg(Box::new(picture)),
        };
        let image = app.image_cache.get_or_draw(image, self.client).await.map_err(Problem::into_response)?;
        let rendered = (image, cache_control(cache_seconds));
        if let Some(version) = version {
            app.picture_cache.insert(&url, version, rendered.clone());
        }
        Ok(rendered)
    }

    /// Creates the picture that the query describes, and returns it with the seconds for which clients may cache it.
    async fn create(self, app: &App, now: OffsetDateTime) -> Result<(Picture, Option<u32>), BadgeError> {
        let parameters = Parameters::parse(self.query, self.kind)
            .map_err(|message| BadgeError { status: StatusCode::BAD_REQUEST, message })?;
        let content = match self.kind {
            Kind::Heatmap => Content::Heatmap(heatmap::create(app, &parameters, now, self.client).await?),
            Kind::Card => Content::Card(card::create(app, &parameters, now, self.client).await?),
        };
        Ok((Picture { look: parameters.look, content }, parameters.cache_seconds))
    }

    /// Returns the response with an error badge.
    async fn refuse(self, app: &App, error: &BadgeError) -> Response {
        let badge = Badge::without_figure(self.kind.name(), &error.message);
        let image = super::image(Format::of(self.path), badge, 1, true);
        error_response(app, self.client, image, error.status).await
    }
}
