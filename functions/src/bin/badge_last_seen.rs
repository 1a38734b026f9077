//! `GET /badge/last-seen` as a Lambda function.

use heartbeat_functions::{badges::last_seen::ROUTE, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(&[ROUTE]).await
}
