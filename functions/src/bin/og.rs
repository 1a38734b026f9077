//! `GET /og.png` as a Lambda function.

use heartbeat_functions::{lambda, routes::OG};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(OG).await
}
