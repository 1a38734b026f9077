//! `GET /assets/{file}` as a Lambda function.

use heartbeat_functions::{lambda, routes::ASSETS};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(ASSETS).await
}
