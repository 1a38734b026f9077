//! `$connect`: somebody opened a WebSocket at API Gateway.

use heartbeat_core::stream::GatewayStream;

use super::{Error, SocketAnswer, SocketEvent, aws::PusherStarter};
use crate::lambda;

/// Serves `$connect` until Lambda ends the process: takes note of the connection, and sees to it that
/// somebody sends to it.
pub async fn serve() -> Result<(), Error> {
    lambda::start()?;
    let (stream, starter) = (lambda::stream()?, PusherStarter::from_environment()?);
    lambda::listen(async |event: SocketEvent, _| Ok(connect(&stream, &starter, event.id()).await)).await
}

async fn connect(stream: &GatewayStream, starter: &PusherStarter, id: &str) -> SocketAnswer {
    if let Err(error) = stream.connect(id).await {
        return error.into();
    }
    ensure_pushed(stream, starter).await;
    SocketAnswer::OK
}

/// Starts the pusher if nobody sends. Whoever hears nothing says hello, which tries this again.
pub(crate) async fn ensure_pushed(stream: &GatewayStream, starter: &PusherStarter) {
    if let Ok(false) = stream.is_pushed().await {
        starter.start().await;
    }
}
