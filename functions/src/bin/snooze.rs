//! `GET`, `PUT` and `DELETE /api/snooze` as a Lambda function.

use heartbeat_functions::{api::snooze::ROUTE, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(ROUTE).await
}
