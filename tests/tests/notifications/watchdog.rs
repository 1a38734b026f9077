//! The watchdog: a service that is told while alerts are evaluated, and not while they are not.

use axum::{Router, http::StatusCode, routing::get};
use heartbeat_tests::{Function, Server, ServerBuilder};
use serde_json::json;
use tokio::{net::TcpListener, sync::mpsc};

/// A service that is told, and that answers with `status`.
async fn service(status: StatusCode) -> (String, mpsc::UnboundedReceiver<()>) {
    let (sender, told) = mpsc::unbounded_channel();
    let router = Router::new().route(
        "/secret",
        get(move || async move {
            // The test may have ended.
            let _ = sender.send(());
            status
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("a local address").port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://127.0.0.1:{port}/secret"), told)
}

#[tokio::test]
async fn the_watchdog_is_told_when_alerts_were_evaluated_and_not_when_they_could_not_be() {
    let (server, database) = Server::fresh().await;
    drop(server);
    let (url, mut told) = service(StatusCode::OK).await;
    database.execute("ALTER TABLE heartbeat.alert_evaluation RENAME TO away").await;
    let builder = ServerBuilder::on(&database).environment("HEARTBEAT_WATCHDOG_URL", &url);
    let mut server = builder.start().await;
    server.wait_for("alert_evaluation").await;
    assert!(told.try_recv().is_err());
    database.execute("ALTER TABLE heartbeat.away RENAME TO alert_evaluation").await;
    told.recv().await.expect("it is told");
    assert!(!server.log().contains("/secret"), "{}", server.log());
}

#[tokio::test]
async fn a_watchdog_that_refuses_is_named_in_the_log_without_its_url() {
    let (server, database) = Server::fresh().await;
    drop(server);
    let (url, _told) = service(StatusCode::NOT_FOUND).await;
    let mut server = ServerBuilder::on(&database).environment("HEARTBEAT_WATCHDOG_URL", &url).start().await;
    let line = server.wait_for("the watchdog could not be told").await;
    assert!(line.contains("status 404"), "{line}");
    assert!(!server.log().contains("/secret"), "{}", server.log());
}

#[tokio::test]
async fn the_minutely_function_tells_the_watchdog_each_time() {
    let (server, database) = Server::fresh().await;
    drop(server);
    let (url, mut told) = service(StatusCode::OK).await;
    let minutely = Function::start("minutely", &database, &[("HEARTBEAT_WATCHDOG_URL", &url)]).await;
    for _ in 0..2 {
        minutely.invoke(json!({})).await.expect("an answer");
        told.try_recv().expect("it was told before the function answered");
    }
}
