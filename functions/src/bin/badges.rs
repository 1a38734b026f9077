//! `GET /badges` as a Lambda function.

use heartbeat_functions::{lambda, routes::BADGES};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(BADGES).await
}
