//! Pusher: the function that sends the stats to all viewers at API Gateway once a second. It is started when a viewer
//! connects while no pusher runs, and by a schedule in case that start failed.

use std::time::Duration;

use heartbeat_core::{stream::Ended, token::Token};
use rand::{rand_core::UnwrapErr, rngs::SysRng};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Context, Setup,
    aws::{ApiGateway, PusherStarter},
};
use crate::lambda;

/// Time left before the timeout of the invocation when the next pusher is started.
const HANDOVER_MARGIN: Duration = Duration::from_secs(5);

/// Serves the pusher's invocations until Lambda ends the process.
pub async fn serve() -> Result<(), lambda::Error> {
    let setup = Setup::load().await?;
    let (app, stream) = (setup.app(), setup.stream());
    let gateway = ApiGateway::from_environment()?;
    let starter = PusherStarter::from_environment()?;
    lambda::serve_events(async |_: Value, context: Context| {
        let until =
            Instant::now() + lambda::time_left(&context, (app.clock)()).saturating_sub(HANDOVER_MARGIN);
        // Random, so that no two invocations share a holder.
        let holder = Token::generate(&mut UnwrapErr(SysRng));
        let ended = stream.push(&app.heartbeat, &gateway, app.clock, holder.expose(), until).await;
        if ended == Ended::TimedOut {
            starter.start().await;
        }
        Ok(json!({ "ended": format!("{ended:?}") }))
    })
    .await
}
