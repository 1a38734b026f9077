//! `POST /api/devices` as a Lambda function.

use heartbeat_functions::{lambda, routes::DEVICES};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(DEVICES).await
}
