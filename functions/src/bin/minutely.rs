//! Jobs and dispatcher as a Lambda function.

use heartbeat_functions::lambda::{self, minutely};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    minutely::serve().await
}
