//! `$default`: somebody said something over a WebSocket at API Gateway. Pages say hello when they
//! have connected, and again when they have heard nothing for a while.

use heartbeat_core::{
    Error,
    stream::{Delivery, Gateway, GatewayStream},
};

use super::{
    SocketAnswer, SocketEvent,
    aws::{ApiGateway, PusherStarter},
    stream_connect::ensure_pushed,
};
use crate::{App, lambda};

/// Serves `$default` until Lambda ends the process: answers with the figures at once, and sees to it
/// that somebody goes on sending them.
pub async fn serve() -> Result<(), lambda::Error> {
    lambda::start()?;
    let (app, stream) = (lambda::app()?, lambda::stream()?);
    let gateway = ApiGateway::from_environment()?;
    let starter = PusherStarter::from_environment()?;
    lambda::listen(async |event: SocketEvent, _| {
        let answered = answer(&app, &stream, &gateway, event.id()).await;
        ensure_pushed(&stream, &starter).await;
        Ok(answered.map_or_else(SocketAnswer::from, |()| SocketAnswer::OK))
    })
    .await
}

async fn answer(app: &App, stream: &GatewayStream, gateway: &ApiGateway, id: &str) -> Result<(), Error> {
    // A frame that came before API Gateway had opened the connection found it gone, and forgot it.
    stream.connect(id).await?;
    let snapshot = app.heartbeat.snapshot((app.clock)()).await?;
    match gateway.post(id, &snapshot.json).await {
        Delivery::Gone => stream.disconnect(&[id.to_owned()]).await,
        Delivery::Taken | Delivery::Failed => Ok(()),
    }
}
