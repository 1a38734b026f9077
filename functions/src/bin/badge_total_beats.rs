//! `GET /badge/total-beats` as a Lambda function.

use heartbeat_functions::{lambda, routes::BADGE_TOTAL_BEATS};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(BADGE_TOTAL_BEATS).await
}
