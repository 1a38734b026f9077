//! `GET /heatmap.svg` and `GET /card.svg` as one Lambda function.

use heartbeat_functions::{
    badges::pictures::{card, heatmap},
    lambda,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(&[card::ROUTE, heatmap::ROUTE]).await
}
