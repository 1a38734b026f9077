//! `$disconnect`: a WebSocket at API Gateway was closed.

use crate::lambda::{self, Error, SocketAnswer, SocketEvent};

/// Serves `$disconnect` until Lambda ends the process: forgets the connection.
pub async fn serve() -> Result<(), Error> {
    lambda::start()?;
    let stream = lambda::stream()?;
    lambda::listen(async |event: SocketEvent, _| {
        let forgotten = stream.disconnect(&[event.id().to_owned()]).await;
        Ok(forgotten.map_or_else(SocketAnswer::from, |()| SocketAnswer::OK))
    })
    .await
}
