//! `$disconnect` as a Lambda function.

use heartbeat_functions::lambda::{self, stream_disconnect};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    stream_disconnect::serve().await
}
