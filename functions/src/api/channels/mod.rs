//! `GET` and `POST /api/channels`: the owner lists and adds channels. Below it are the routes of one channel.

pub mod channel;
mod parse;
pub mod resend;
mod shown;
pub mod test;

use axum::{
    Router,
    extract::{FromRequestParts, Path, State},
    http::{Method, StatusCode, request::Parts},
    routing::get,
};
use heartbeat_core::notify::{settings, site::Site};

pub(crate) use self::{
    parse::{ChannelChange, NewChannelBody},
    shown::{Channel, ChannelList, ChannelWithSecret},
};
use crate::{
    App,
    app::Random,
    http::{
        auth::Owner,
        body::Body,
        error_responses::ErrorResponse,
        json::JsonLine,
        number::canonical_number,
        problem::{Details, PROBLEM_JSON, Problem},
        route::{Audience, Route},
    },
};

const PATH: &str = "/api/channels";

/// `GET` and `POST /api/channels`
pub const ROUTE: Route = Route {
    name: "channels",
    paths: &[PATH],
    methods: &[Method::GET, Method::POST],
    router,
    audience: Audience::Owner,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(list).post(add))
}

/// List the channels
///
/// Returns all channels, ordered by id. The one that the configuration names (`webhook.url`) has the id 0; it cannot be
/// changed here.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "listChannels",
    tag = "channels",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    responses(
        (status = 200, description = "All channels.", body = ChannelList,
            headers(("cache-control" = String, description = "`no-store`: only the owner may see this."))),
        ErrorResponse<401>,
        (status = 404, description = "The server has no secret key, so it has no owner.",
            body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn list(_: Owner, State(app): State<App>) -> Result<JsonLine<ChannelList>, Problem> {
    let channels = app.heartbeat.channels().await?;
    Ok(JsonLine(ChannelList { channels: channels.into_iter().map(Channel::from).collect() }))
}

/// Add a channel
///
/// A friend is asked, through the channel, to confirm that it reaches them. The secret of a webhook that is left out is
/// generated, and answered this once. A Telegram bot without a `chat_id` gets the one in which its reader sends it
/// `/start` and the `start_code`. The content type of the request is ignored.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = "addChannel",
    tag = "channels",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    request_body = NewChannelBody,
    responses(
        (status = 201, description = "The channel is added.", body = ChannelWithSecret,
            headers(("cache-control" = String, description = "`no-store`: only the owner may see this."))),
        ErrorResponse<400>,
        ErrorResponse<401>,
        ErrorResponse<403>,
        (status = 404, description = "The server has no secret key, so it has no owner.",
            body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<408>,
        ErrorResponse<413>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn add(
    _: Owner,
    State(app): State<App>,
    Random(mut rng): Random,
    Body(body): Body,
) -> Result<(StatusCode, JsonLine<ChannelWithSecret>), Problem> {
    let new = parse::new_channel(&body)?;
    let site = Site::of(&app.config, app.heartbeat.runtime());
    let complete = settings::complete(&new.kind, new.settings, &site, &mut rng)
        .map_err(|reason| parse::refused_settings(&reason))?;
    let channel = heartbeat_core::channel::NewChannel {
        name: new.name,
        kind: new.kind,
        audience: new.audience,
        settings: complete.settings,
        events: new.events,
    };
    let channel = app.heartbeat.add_channel(channel, complete.start_code).await?;
    Ok((StatusCode::CREATED, JsonLine(ChannelWithSecret::new(channel, complete.secret))))
}

/// Channel id in a path. What is not the id of any channel is just a channel that does not exist.
pub(crate) struct ChannelId(pub(crate) i64);

impl FromRequestParts<App> for ChannelId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let id = Path::<String>::from_request_parts(parts, app).await;
        id.ok().and_then(|Path(id)| canonical_number(&id)).map(Self).ok_or(Problem::UnknownChannel)
    }
}
