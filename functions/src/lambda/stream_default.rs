//! `$default`: a viewer sent a message over a WebSocket at API Gateway. Pages send a hello when they have connected,
//! and again when no frames have arrived for a while.

use heartbeat_core::stream::{Delivery, Gateway, GatewayStream, Places};

use super::{
    SocketEvent, SocketResponse,
    aws::{ApiGateway, PusherStarter},
};
use crate::{App, http::problem::Problem, lambda};

/// What it takes to answer a hello.
struct Greeter {
    app: App,
    stream: GatewayStream,
    places: Places,
    gateway: ApiGateway,
}

/// Serves `$default` until Lambda ends the process: sends a frame at once, and ensures that a pusher sends the next
/// ones, when the viewer wants them.
pub async fn serve() -> Result<(), lambda::Error> {
    lambda::start_logging()?;
    let app = lambda::app()?;
    let stream = GatewayStream::new(app.heartbeat.reads().session());
    let greeter =
        Greeter { app, stream, places: lambda::places()?, gateway: ApiGateway::from_environment()? };
    let starter = PusherStarter::from_environment()?;
    lambda::serve_events(async |event: SocketEvent, _| {
        let answered = greeter.answer(&event).await;
        if let Err(problem) = &answered {
            greeter.tell(event.connection_id(), problem).await;
        }
        starter.start_if_needed(&greeter.stream).await;
        Ok(answered.map_or_else(SocketResponse::from, |()| SocketResponse::OK))
    })
    .await
}

impl Greeter {
    /// Sends a frame, and notes which frames the viewer wants.
    async fn answer(&self, event: &SocketEvent) -> Result<(), Problem> {
        let (id, frames) = (event.connection_id(), event.frames()?);
        // It is registered already, unless its row was lost. Then it needs a place again.
        if !self.stream.register(&self.places, id, event.client(), frames).await? {
            return Err(Problem::TooManyViewers);
        }
        let snapshot = self.app.heartbeat.snapshot((self.app.clock)()).await?;
        match self.gateway.post(id, &snapshot.json).await {
            Delivery::Gone => Ok(self.stream.remove(&[id.to_owned()]).await?),
            Delivery::Taken | Delivery::Failed => Ok(()),
        }
    }

    /// Tells a viewer of a problem that is its own. One without a place is disconnected: each of its messages costs as much
    /// as any other.
    async fn tell(&self, id: &str, problem: &Problem) {
        match problem {
            Problem::UnknownFrames => {
                let details = serde_json::to_vec(&problem.details()).expect("numbers and text are JSON");
                self.gateway.post(id, &details.into()).await;
            }
            Problem::TooManyViewers => self.gateway.close(id).await,
            _ => {}
        }
    }
}
