//! Pusher: the function that sends the stats to the viewers at API Gateway. It is started when a viewer connects while no
//! pusher runs, and by [`minutely`](super::minutely) in case that start failed.

use std::time::Duration;

use heartbeat_core::{
    stream::{Ended, GatewayStream, Pusher},
    token::Token,
};
use rand::{rand_core::UnwrapErr, rngs::SysRng};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Context,
    aws::{ApiGateway, PusherStarter},
};
use crate::lambda;

/// Time left before the timeout of the invocation when the next pusher is started.
const HANDOVER_MARGIN: Duration = Duration::from_secs(5);

/// Serves the pusher's invocations until Lambda ends the process.
pub async fn serve() -> Result<(), lambda::Error> {
    lambda::start_logging()?;
    let app = lambda::app()?;
    let stream = GatewayStream::new(app.heartbeat.reads().session());
    let gateway = ApiGateway::from_environment()?;
    let starter = PusherStarter::from_environment()?;
    lambda::serve_events(async |_: Value, context: Context| {
        let until =
            Instant::now() + lambda::time_left(&context, (app.clock)()).saturating_sub(HANDOVER_MARGIN);
        // Random, so that no two invocations share a holder.
        let holder = Token::generate(&mut UnwrapErr(SysRng));
        let pusher = Pusher::new(&stream, &app.heartbeat, &gateway, app.clock, holder.expose());
        let ended = pusher.run(until).await;
        if ended == Ended::TimedOut {
            starter.start().await;
        }
        Ok(json!({ "ended": format!("{ended:?}") }))
    })
    .await
}
