//! `GET /` as a Lambda function.

use heartbeat_functions::{lambda, routes::HOME};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(HOME).await
}
