//! Pages in a real browser.

/// Makes tests of functions that take a browser: each in Chromium, and in Firefox.
macro_rules! in_both_browsers {
    ($($name:ident),+ $(,)?) => {
        mod chromium {
            $(#[tokio::test]
            async fn $name() {
                super::$name(heartbeat_tests::Browser::start().await).await;
            })+
        }

        mod firefox {
            $(#[tokio::test]
            async fn $name() {
                if let Some(browser) = heartbeat_tests::Browser::start_firefox().await {
                    super::$name(browser).await;
                }
            })+
        }
    };
}

mod alerts;
mod badges;
mod devices;
mod embed;
mod error_page;
mod history;
mod home;
mod layout;
mod links;
mod manage;
mod pair;
mod precision;
mod quality;
mod stream;

use heartbeat_tests::{Database, Server, ServerBuilder};

/// Starts a server, with its port in its public URLs.
async fn server(database: &Database) -> Server {
    at_fixed_port(database).start().await
}

/// Returns a server that can be started again on the same port.
fn at_fixed_port(database: &Database) -> ServerBuilder {
    let (builder, port) = ServerBuilder::on(database).fixed_port();
    builder
        .environment("HEARTBEAT_LIVE_URL", &format!("http://127.0.0.1:{port}"))
        .environment("HEARTBEAT_SERVER_NAME", "Ada's heartbeat")
}

/// URL of a page.
fn url(server: &Server, path: &str) -> String {
    format!("http://127.0.0.1:{}{path}", server.port())
}
