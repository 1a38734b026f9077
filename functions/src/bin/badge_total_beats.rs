//! `GET /badge/total-beats` as a Lambda function.

use heartbeat_functions::{badges::total_beats::ROUTE, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(&[ROUTE]).await
}
