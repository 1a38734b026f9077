//! Pusher of the stream as a Lambda function.

use heartbeat_functions::lambda::{self, pusher};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    pusher::serve().await
}
