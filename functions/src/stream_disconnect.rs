//! `$disconnect`: a WebSocket at API Gateway was closed.

use heartbeat_core::stream::Stream;

use crate::lambda::{self, Error, SocketAnswer, SocketEvent};

/// Serves `$disconnect` until Lambda ends the process: forgets the connection.
pub async fn serve() -> Result<(), Error> {
    lambda::start()?;
    let stream = Stream::new(lambda::database()?);
    lambda::listen(async |event: SocketEvent, _| match stream.disconnect(&[event.id().to_owned()]).await {
        Ok(()) => SocketAnswer::OK,
        Err(error) => error.into(),
    })
    .await
}
