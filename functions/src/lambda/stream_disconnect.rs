//! `$disconnect`: a WebSocket at API Gateway was closed.

use super::{Error, SocketEvent, SocketResponse};
use crate::{http::problem::Problem, lambda};

/// Serves `$disconnect` until Lambda ends the process: removes the viewer.
pub async fn serve() -> Result<(), Error> {
    lambda::start_logging()?;
    let stream = lambda::stream()?;
    lambda::serve_events(async |event: SocketEvent, _| {
        let removed = stream.remove(&[event.connection_id().to_owned()]).await.map_err(Problem::from);
        Ok(removed.map_or_else(SocketResponse::from, |()| SocketResponse::OK))
    })
    .await
}
