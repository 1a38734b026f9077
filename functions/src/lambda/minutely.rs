//! Minutely: the function that runs the jobs, then the dispatcher, and sees to it that a pusher runs where there are
//! viewers. A schedule invokes it each minute, or less often. To invoke it with each beat would add the AWS SDK to the
//! beat's function, and a second request to its latency.

use std::time::Duration;

use heartbeat_core::{metrics::ProcessMetrics, runtime::Runtime, stream::GatewayStream};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Context, Error, Setup, aws::PusherStarter};
use crate::{app::system_clock, background::Background, lambda};

/// Time left before the timeout of the invocation when the last delivery ends.
const DEADLINE_MARGIN: Duration = Duration::from_secs(5);

/// Serves invocations until Lambda ends the process.
pub async fn serve() -> Result<(), Error> {
    let setup = Setup::load().await?;
    let metrics = ProcessMetrics::default();
    let background = Background::new(&setup.config, &setup.database, Runtime::Lambda, &metrics);
    let stream = GatewayStream::new(background.session());
    let starter = PusherStarter::from_environment()?;
    lambda::serve_events(async |_: Value, context: Context| {
        let remaining = lambda::time_left(&context, system_clock()).saturating_sub(DEADLINE_MARGIN);
        let until = Instant::now() + remaining;
        // First: deliveries may take all the time that there is.
        starter.start_if_needed(&stream).await;
        background.run_until(until).await;
        Ok(json!({}))
    })
    .await
}
