//! The function that sends the figures once a second to all WebSockets at API Gateway. It is started
//! when somebody connects and nobody sends, and by a schedule, should that have failed.

use std::time::Duration;

use heartbeat_core::{stream::Ended, token::Token};
use rand::{rand_core::UnwrapErr, rngs::SysRng};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Context,
    aws::{ApiGateway, PusherStarter},
};
use crate::lambda;

/// What must be left of the time that Lambda gives when the next pusher is told to take over.
const HANDOVER_MARGIN: Duration = Duration::from_secs(5);

/// Serves the pusher's invocations until Lambda ends the process.
pub async fn serve() -> Result<(), lambda::Error> {
    lambda::start()?;
    let (app, stream) = (lambda::app()?, lambda::stream()?);
    let gateway = ApiGateway::from_environment()?;
    let starter = PusherStarter::from_environment()?;
    lambda::listen(async |_: Value, context: Context| {
        let until =
            Instant::now() + lambda::time_left(&context, (app.clock)()).saturating_sub(HANDOVER_MARGIN);
        // No two invocations share a name, whatever Lambda calls them.
        let name = Token::generate(&mut UnwrapErr(SysRng));
        let ended = stream.push(&app.heartbeat, &gateway, app.clock, name.expose(), until).await;
        if ended == Ended::TimedOut {
            starter.start().await;
        }
        Ok(json!({ "ended": format!("{ended:?}") }))
    })
    .await
}
