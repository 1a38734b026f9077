//! `$default`: a viewer sent a message over a WebSocket at API Gateway. Pages send a hello when they have connected,
//! and again when no frames have arrived for a while.

use heartbeat_core::{
    Error,
    stream::{Delivery, Gateway, GatewayStream},
};

use super::{
    Setup, SocketEvent, SocketResponse,
    aws::{ApiGateway, PusherStarter},
    stream_connect::ensure_pusher,
};
use crate::{App, lambda};

/// Serves `$default` until Lambda ends the process: sends a frame at once, and ensures that a pusher sends the next
/// ones.
pub async fn serve() -> Result<(), lambda::Error> {
    let setup = Setup::load().await?;
    let (app, stream) = (setup.app(), setup.stream());
    let gateway = ApiGateway::from_environment()?;
    let starter = PusherStarter::from_environment()?;
    lambda::serve_events(async |event: SocketEvent, _| {
        let sent = send_frame(&app, &stream, &gateway, event.connection_id()).await;
        ensure_pusher(&stream, &starter).await;
        Ok(sent.map_or_else(SocketResponse::from, |()| SocketResponse::OK))
    })
    .await
}

async fn send_frame(app: &App, stream: &GatewayStream, gateway: &ApiGateway, id: &str) -> Result<(), Error> {
    // The pusher removes a connection that API Gateway has not fully opened yet, because its frame fails as gone.
    // So this registers it again.
    stream.connect(id).await?;
    let snapshot = app.heartbeat.snapshot((app.clock)()).await?;
    match gateway.post(id, &snapshot.json).await {
        Delivery::Gone => stream.disconnect(&[id.to_owned()]).await,
        Delivery::Taken | Delivery::Failed => Ok(()),
    }
}
