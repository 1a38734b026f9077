//! `POST /api/devices/{id}/token/generate` as a Lambda function.

use heartbeat_functions::{api::devices::token_generate::ROUTE, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(ROUTE).await
}
