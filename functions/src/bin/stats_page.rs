//! `GET /stats` as a Lambda function.

use heartbeat_functions::{lambda, pages::stats::ROUTE};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(&[ROUTE]).await
}
