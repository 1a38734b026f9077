//! `GET` and `POST /api/devices` as a Lambda function.

use heartbeat_functions::{api::devices::ROUTE, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(ROUTE).await
}
