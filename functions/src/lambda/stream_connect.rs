//! `$connect`: a viewer opened a WebSocket at API Gateway.

use heartbeat_core::stream::GatewayStream;

use super::{Error, Setup, SocketEvent, SocketResponse, aws::PusherStarter};
use crate::lambda;

/// Serves `$connect` until Lambda ends the process: registers the connection, and ensures that a pusher runs.
pub async fn serve() -> Result<(), Error> {
    let setup = Setup::load().await?;
    let (stream, starter) = (setup.stream(), PusherStarter::from_environment()?);
    lambda::serve_events(async |event: SocketEvent, _| {
        Ok(connect(&stream, &starter, event.connection_id()).await)
    })
    .await
}

async fn connect(stream: &GatewayStream, starter: &PusherStarter, id: &str) -> SocketResponse {
    if let Err(error) = stream.connect(id).await {
        return error.into();
    }
    ensure_pusher(stream, starter).await;
    SocketResponse::OK
}

/// Starts the pusher if none runs. After a failure, viewers that get no frames say hello, which retries.
pub(crate) async fn ensure_pusher(stream: &GatewayStream, starter: &PusherStarter) {
    if let Ok(false) = stream.is_pushed().await {
        starter.start().await;
    }
}
