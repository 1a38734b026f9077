//! `$default` as a Lambda function.

use heartbeat_functions::lambda::{self, stream_default};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    stream_default::serve().await
}
