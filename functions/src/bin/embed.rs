//! `GET /embed.js` as a Lambda function.

use heartbeat_functions::{lambda, pages::embed::ROUTE};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(&[ROUTE]).await
}
