//! `GET /privacy` as a Lambda function.

use heartbeat_functions::{lambda, routes::PRIVACY};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(PRIVACY).await
}
