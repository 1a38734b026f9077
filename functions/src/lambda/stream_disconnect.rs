//! `$disconnect`: a WebSocket at API Gateway was closed.

use crate::lambda::{self, Error, Setup, SocketEvent, SocketResponse};

/// Serves `$disconnect` until Lambda ends the process: removes the connection.
pub async fn serve() -> Result<(), Error> {
    let stream = Setup::load().await?.stream();
    lambda::serve_events(async |event: SocketEvent, _| {
        let removed = stream.disconnect(&[event.connection_id().to_owned()]).await;
        Ok(removed.map_or_else(SocketResponse::from, |()| SocketResponse::OK))
    })
    .await
}
