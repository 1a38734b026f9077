//! `GET /.well-known/health` as a Lambda function.

use heartbeat_functions::{api::health::ROUTE, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(&[ROUTE]).await
}
