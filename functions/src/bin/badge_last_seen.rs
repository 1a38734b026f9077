//! `GET /badge/last-seen` as a Lambda function.

use heartbeat_functions::{lambda, routes::BADGE_LAST_SEEN};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(BADGE_LAST_SEEN).await
}
