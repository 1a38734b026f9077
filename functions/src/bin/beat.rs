//! `POST /api/beat` as a Lambda function.

use heartbeat_functions::{lambda, routes::BEAT};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(BEAT).await
}
