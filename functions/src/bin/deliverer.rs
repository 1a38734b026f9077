//! The deliverer of events as a Lambda function.

use heartbeat_functions::{deliverer, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    deliverer::serve().await
}
