//! `$connect` as a Lambda function.

use heartbeat_functions::lambda::{self, stream_connect};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    stream_connect::serve().await
}
