//! `GET /badges` as a Lambda function.

use heartbeat_functions::{lambda, pages::badge_builder::ROUTE};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(&[ROUTE]).await
}
