//! A route as a Lambda function: the route's own router, behind API Gateway.

use axum::{
    Router,
    http::{Request, Uri, uri::PathAndQuery},
};
use heartbeat_core::{
    Config, Heartbeat,
    config::{Database, Environment, Flags},
};
pub use lambda_http::Error;
use lambda_http::{Body, request::RequestContext, tower::ServiceExt};

use crate::{
    App, logging,
    routes::{self, Route},
};

/// Serves one route until Lambda ends the process. Fails on a mistake in the configuration; the
/// database is first contacted by the first request, and answered for with 503 while it is away.
pub async fn serve(route: Route) -> Result<(), Error> {
    logging::start()?;
    let router = routes::router(&[route], Router::new(), app()?);
    lambda_http::run(router.map_request(without_stage)).await
}

/// Builds the dependencies of a function, once for all its requests.
fn app() -> Result<App, Error> {
    let config = Config::load(&Flags::default(), &Environment::of_this_process())?;
    let Database::Server(database) = &config.database else {
        return Err(
            "database.dsn: a Lambda function needs the URL of a PostgreSQL, not the word embedded".into()
        );
    };
    Ok(App::new(Heartbeat::start(database.expose().clone()), config))
}

/// Takes the name of the stage off the path. It is there unless the stage is `$default`; the
/// routes, which are the same everywhere, know nothing of it.
fn without_stage(mut request: Request<Body>) -> Request<Body> {
    let stage = match request.extensions().get() {
        Some(RequestContext::ApiGatewayV2(context)) => context.stage.as_deref().unwrap_or_default(),
        _ => "",
    };
    let bare = request
        .uri()
        .path_and_query()
        .and_then(|whole| whole.as_str().strip_prefix('/')?.strip_prefix(stage))
        .filter(|bare| !stage.is_empty() && bare.starts_with('/'))
        .and_then(|bare| bare.parse::<PathAndQuery>().ok());
    if let Some(bare) = bare {
        *request.uri_mut() = Uri::from(bare);
    }
    request
}
