//! Migrator as a Lambda function.

use heartbeat_functions::lambda::{self, migrator};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    migrator::serve().await
}
