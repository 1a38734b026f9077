//! The history as a Lambda function.

use heartbeat_functions::{
    api::{absences, history},
    lambda,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(&[absences::ROUTE, history::ROUTE]).await
}
