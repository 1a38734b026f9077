//! `$connect`: a viewer opened a WebSocket at API Gateway.

use heartbeat_core::stream::{GatewayStream, Places};

use super::{Error, Setup, SocketEvent, SocketResponse, aws::PusherStarter};
use crate::{http::problem::Problem, lambda};

/// Serves `$connect` until Lambda ends the process: registers the viewer, and ensures that a pusher runs. Where there is
/// no place for it, API Gateway refuses the connection.
pub async fn serve() -> Result<(), Error> {
    let setup = Setup::load().await?;
    let (stream, places) = (setup.stream(), setup.places()?);
    let starter = PusherStarter::from_environment()?;
    lambda::serve_events(async |event: SocketEvent, _| {
        let connected = connect(&stream, &places, &starter, &event).await;
        Ok(connected.map_or_else(SocketResponse::from, |()| SocketResponse::OK))
    })
    .await
}

async fn connect(
    stream: &GatewayStream,
    places: &Places,
    starter: &PusherStarter,
    event: &SocketEvent,
) -> Result<(), Problem> {
    if !stream.register(places, event.connection_id(), event.client(), event.frames()?).await? {
        return Err(Problem::TooManyViewers);
    }
    starter.start_if_needed(stream).await;
    Ok(())
}
