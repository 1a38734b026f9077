//! `GET`, `PATCH` and `DELETE /api/channels/{id}`: the owner looks at a channel, changes it, or deletes it.

use axum::{
    Router,
    extract::State,
    http::{Method, StatusCode},
    routing::get,
};
use heartbeat_core::{
    channel::{CONFIGURED_ID, ChannelUpdate},
    notify::{settings, site::Site},
};

use super::{Channel, ChannelChange, ChannelId, ChannelWithSecret, parse};
use crate::{
    App,
    app::Random,
    http::{
        auth::Owner,
        body::Body,
        error_responses::ErrorResponse,
        json::JsonLine,
        problem::{Details, PROBLEM_JSON, Problem},
        route::{Audience, Route},
    },
};

const PATH: &str = "/api/channels/{id}";

/// `GET`, `PATCH` and `DELETE /api/channels/{id}`
pub const ROUTE: Route = Route {
    name: "channels_channel",
    paths: &[PATH],
    methods: &[Method::GET, Method::PATCH, Method::DELETE],
    router,
    audience: Audience::Owner,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(show).patch(change).delete(delete))
}

/// Get a channel
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "getChannel",
    tag = "channels",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    params(("id" = i64, Path, minimum = 0, description = "Channel id.", example = 1)),
    responses(
        (status = 200, description = "The channel.", body = Channel,
            headers(("cache-control" = String, description = "`no-store`: only the owner may see this."))),
        ErrorResponse<401>,
        (status = 404, description = "No channel has this id (non-numeric ids included), or the server has no \
            secret key.", body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn show(
    _: Owner,
    State(app): State<App>,
    ChannelId(id): ChannelId,
) -> Result<JsonLine<Channel>, Problem> {
    Ok(JsonLine(app.heartbeat.channel(id).await?.into()))
}

/// Change a channel
///
/// Settings are merged: what is left out stays as it is, and `null` takes one away. A webhook whose `secret` is taken away
/// gets a new one, which is answered this once. A chat of Telegram that is not known yet is looked for until a day after the last
/// change. The channel that the configuration names (id 0) cannot be changed here. The content type of the request is ignored.
#[utoipa::path(
    patch,
    path = PATH,
    operation_id = "changeChannel",
    tag = "channels",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    params(("id" = i64, Path, minimum = 0, description = "Channel id.", example = 1)),
    request_body = ChannelChange,
    responses(
        (status = 200, description = "The channel as it is now.", body = ChannelWithSecret,
            headers(("cache-control" = String, description = "`no-store`: only the owner may see this."))),
        ErrorResponse<400>,
        ErrorResponse<401>,
        ErrorResponse<403>,
        (status = 404, description = "No channel has this id (non-numeric ids included), or the server has no \
            secret key.", body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<408>,
        ErrorResponse<413>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn change(
    _: Owner,
    State(app): State<App>,
    Random(mut rng): Random,
    ChannelId(id): ChannelId,
    Body(body): Body,
) -> Result<JsonLine<ChannelWithSecret>, Problem> {
    let channel = app.heartbeat.channel(id).await?;
    if id == CONFIGURED_ID {
        return Err(Problem::ConfiguredChannel);
    }
    let change = parse::change(&body, &channel.kind)?;
    let mut update = ChannelUpdate {
        name: change.name,
        events: change.events,
        enable: change.enable,
        ..ChannelUpdate::default()
    };
    let mut secret = None;
    if let Some(changes) = change.settings {
        let site = Site::of(&app.config, app.heartbeat.runtime());
        let merged = settings::merge(&channel.settings, changes);
        let complete = settings::complete(&channel.kind, merged, &site, &mut rng)
            .map_err(|reason| parse::refused_settings(&reason))?;
        update.settings = Some(complete.settings);
        // A code that was shown stays as it is.
        update.start_code = complete.start_code.filter(|_| channel.start_code.is_none());
        secret = complete.secret;
    }
    let channel = app.heartbeat.update_channel(id, update).await?;
    Ok(JsonLine(ChannelWithSecret::new(channel, secret)))
}

/// Delete a channel
///
/// What waits for it is not sent any more, and alerts do not name it any more. The channel that the configuration names (id 0)
/// cannot be deleted here.
#[utoipa::path(
    delete,
    path = PATH,
    operation_id = "deleteChannel",
    tag = "channels",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    params(("id" = i64, Path, minimum = 0, description = "Channel id.", example = 1)),
    responses(
        (status = 204, description = "The channel is deleted."),
        (status = 400, description = "The channel is the one that the configuration names.",
            body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<401>,
        ErrorResponse<403>,
        (status = 404, description = "No channel has this id (non-numeric ids included), or the server has no \
            secret key.", body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn delete(_: Owner, State(app): State<App>, ChannelId(id): ChannelId) -> Result<StatusCode, Problem> {
    app.heartbeat.delete_channel(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
