//! `POST /api/v1/users/current/heartbeats.bulk` and `POST /api/v1/users/current/heartbeats` as a Lambda function.

use heartbeat_functions::{api::wakatime::heartbeats::ROUTE, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(&[ROUTE]).await
}
