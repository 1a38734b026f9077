//! `GET /api/stats` as a Lambda function.

use heartbeat_functions::{lambda, routes::STATS};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(STATS).await
}
