//! The function that does what is due because time passed, and then dispatches notifications. A schedule invokes
//! it each minute: to invoke it with each beat would put the AWS SDK into the function of the beat, and a second
//! request into its way.

use std::time::Duration;

use heartbeat_core::runtime::Runtime;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Context, Error};
use crate::{app::system_clock, background::Background, lambda};

/// Time that must be left of the invocation's limit when the last delivery ends.
const DEADLINE_MARGIN: Duration = Duration::from_secs(5);

/// Serves invocations until Lambda ends the process.
pub async fn serve() -> Result<(), Error> {
    lambda::start()?;
    let background = Background::new(&lambda::config()?, lambda::database()?, Runtime::Lambda);
    lambda::listen(async |_: Value, context: Context| {
        let left = lambda::time_left(&context, system_clock()).saturating_sub(DEADLINE_MARGIN);
        background.run_until(Instant::now() + left).await;
        Ok(json!({}))
    })
    .await
}
