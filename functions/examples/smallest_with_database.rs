//! Smallest function that queries PostgreSQL: the baseline of `make bench` for routes with a database.

use lambda_http::{Body, Error, Request, Response, service_fn};
use sqlx::{Connection, PgConnection};
use tokio::sync::Mutex;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let connection = Mutex::new(None);
    lambda_http::run(service_fn(async |_: Request| {
        let mut connection = connection.lock().await;
        if connection.is_none() {
            let url = std::env::var("HEARTBEAT_DATABASE_DSN")?;
            *connection = Some(PgConnection::connect(&url).await?);
        }
        if let Some(connection) = connection.as_mut() {
            sqlx::query("SELECT 1").execute(connection).await?;
        }
        Ok::<_, Error>(Response::new(Body::Empty))
    }))
    .await
}
