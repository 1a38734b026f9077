//! The history as a Lambda function.

use heartbeat_functions::{api::history, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(&[history::ROUTE]).await
}
