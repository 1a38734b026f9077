//! `POST /api/devices/{id}/token/generate` as a Lambda function.

use heartbeat_functions::{lambda, routes::DEVICES_TOKEN_GENERATE};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(DEVICES_TOKEN_GENERATE).await
}
