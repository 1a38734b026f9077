//! `GET /stats` as a Lambda function.

use heartbeat_functions::{lambda, routes::STATS_PAGE};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(STATS_PAGE).await
}
