//! `POST` and `DELETE /api/devices/{id}/editor-key` as a Lambda function.

use heartbeat_functions::{api::devices::editor_key::ROUTE, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(ROUTE).await
}
