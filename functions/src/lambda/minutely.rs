//! Minutely: the function that runs the jobs, then the dispatcher. A schedule invokes it each minute. To invoke it with
//! each beat would add the AWS SDK to the beat's function, and a second request to its latency.

use std::time::Duration;

use heartbeat_core::runtime::Runtime;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Context, Error, Setup};
use crate::{app::system_clock, background::Background, lambda};

/// Time left before the timeout of the invocation when the last delivery ends.
const DEADLINE_MARGIN: Duration = Duration::from_secs(5);

/// Serves invocations until Lambda ends the process.
pub async fn serve() -> Result<(), Error> {
    let setup = Setup::load().await?;
    let background = Background::new(&setup.config, setup.database.clone(), Runtime::Lambda);
    lambda::serve_events(async |_: Value, context: Context| {
        let remaining = lambda::time_left(&context, system_clock()).saturating_sub(DEADLINE_MARGIN);
        background.run_until(Instant::now() + remaining).await;
        Ok(json!({}))
    })
    .await
}
