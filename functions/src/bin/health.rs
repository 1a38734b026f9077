//! `GET /.well-known/health` as a Lambda function.

use heartbeat_functions::{lambda, routes::HEALTH};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(HEALTH).await
}
