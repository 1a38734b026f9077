//! `GET /metrics` as a Lambda function.

use heartbeat_functions::{api::metrics::ROUTE, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(&[ROUTE]).await
}
