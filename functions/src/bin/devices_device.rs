//! `GET`, `PATCH` and `DELETE /api/devices/{id}` as a Lambda function.

use heartbeat_functions::{api::devices::device::ROUTE, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(ROUTE).await
}
