//! The function that tells others what happened. A schedule starts it each minute: to start it with each
//! beat would put the AWS SDK into the function of the beat, and a second request into its way.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    app::system_clock,
    lambda::{self, Context},
    webhook,
};

/// What must be left of the time that Lambda gives when the last delivery ends.
const RESERVE: Duration = Duration::from_secs(5);

/// Serves the deliverer's invocations until Lambda ends the process.
pub async fn serve() -> Result<(), lambda::Error> {
    lambda::start()?;
    let deliverer = webhook::to_discord(&lambda::config()?, lambda::database()?);
    // One invocation at a time: Lambda sees to that.
    let deliverer = tokio::sync::Mutex::new(deliverer);
    lambda::listen(async |_: Value, context: Context| {
        let until = Instant::now() + lambda::time_left(&context, system_clock()).saturating_sub(RESERVE);
        if let Some(deliverer) = deliverer.lock().await.as_mut() {
            deliverer.deliver_until(until).await;
        }
        Ok(json!({}))
    })
    .await
}
