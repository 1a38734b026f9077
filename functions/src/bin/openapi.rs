//! `GET /api/openapi.json` as a Lambda function.

use heartbeat_functions::{lambda, routes::OPENAPI};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(OPENAPI).await
}
