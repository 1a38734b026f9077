//! Requests of an HTTP API of API Gateway, as the routes expect them.

use axum::http::{Request, Uri, uri::PathAndQuery};
use lambda_http::{Body, aws_lambda_events::apigw::ApiGatewayV2httpRequestContext, request::RequestContext};
use url::Url;

use crate::http::{client_ip::Peer, cookies::Encrypted, live_url::ReachedUrl};

/// Adds to a request what API Gateway reports of it, and removes the name of the stage from its path. With `wants_url`,
/// it gets the URL that it came through.
pub(super) fn adapt(mut request: Request<Body>, wants_url: bool) -> Request<Body> {
    let Some(RequestContext::ApiGatewayV2(context)) = request.extensions().get() else { return request };
    let peer = context.http.source_ip.as_deref().and_then(|ip| ip.parse().ok()).map(Peer::Ip);
    let url = wants_url.then(|| reached_url(context)).flatten();
    let path = without_stage(request.uri(), context.stage.as_deref().unwrap_or_default());
    if let Some(path) = path {
        *request.uri_mut() = Uri::from(path);
    }
    // API Gateway is reached through HTTPS alone.
    request.extensions_mut().insert(Encrypted);
    if let Some(peer) = peer {
        request.extensions_mut().insert(peer);
    }
    if let Some(url) = url {
        request.extensions_mut().insert(url);
    }
    request
}

/// Returns the URL of the API as the client wrote it: with the name of the stage, unless a custom domain stands for the
/// stage. API Gateway accepts a request for its own domain names only, whatever the headers say.
fn reached_url(context: &ApiGatewayV2httpRequestContext) -> Option<ReachedUrl> {
    let domain = context.domain_name.as_deref()?;
    let path = context.http.path.as_deref().unwrap_or_default();
    let stage = context.stage.as_deref().filter(|stage| !stage.is_empty() && below(path, stage).is_some());
    let url = stage.map_or_else(|| format!("https://{domain}"), |stage| format!("https://{domain}/{stage}"));
    Url::parse(&url).ok().map(ReachedUrl::new)
}

/// Returns the path without the name of the stage, if it begins with that. Every stage but `$default` adds it, and the
/// routes, which are the same in every runtime, do not have it.
fn without_stage(uri: &Uri, stage: &str) -> Option<PathAndQuery> {
    let path = uri.path_and_query()?.as_str();
    below(path, stage).filter(|rest| !stage.is_empty() && rest.starts_with('/'))?.parse().ok()
}

/// Returns what follows `/` and the name of the stage in a path; `None` if it begins with another word.
fn below<'a>(path: &'a str, stage: &str) -> Option<&'a str> {
    let rest = path.strip_prefix('/')?.strip_prefix(stage)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request as `lambda_http` makes it of an event: with the name of the stage in its path.
    fn request(domain: &str, stage: &str, raw_path: &str) -> Request<Body> {
        let mut context = ApiGatewayV2httpRequestContext::default();
        context.stage = Some(stage.to_owned());
        context.domain_name = Some(domain.to_owned());
        context.http.path = Some(raw_path.to_owned());
        context.http.source_ip = Some("203.0.113.7".to_owned());
        let prefix = format!("/{stage}");
        let has_stage = stage == "$default" || raw_path.starts_with(&format!("{prefix}/"));
        let path = if has_stage { raw_path.to_owned() } else { prefix + raw_path };
        let uri = format!("https://forged.example{path}?query=1");
        let mut request =
            Request::get(uri).header("host", "forged.example").body(Body::Empty).expect("a request");
        request.extensions_mut().insert(RequestContext::ApiGatewayV2(context));
        request
    }

    fn url(request: &Request<Body>) -> Option<&str> {
        request.extensions().get::<ReachedUrl>().map(|reached| reached.url().as_str())
    }

    #[test]
    fn links_lead_to_where_the_request_came_through() {
        for (domain, stage, raw_path, expected) in [
            (
                "id.execute-api.eu-central-1.amazonaws.com",
                "$default",
                "/stats",
                "https://id.execute-api.eu-central-1.amazonaws.com/",
            ),
            (
                "id.execute-api.eu-central-1.amazonaws.com",
                "prod",
                "/prod/stats",
                "https://id.execute-api.eu-central-1.amazonaws.com/prod",
            ),
            ("beat.example.org", "prod", "/stats", "https://beat.example.org/"),
            ("beat.example.org", "stat", "/stats", "https://beat.example.org/"),
        ] {
            let adapted = adapt(request(domain, stage, raw_path), true);
            assert_eq!(url(&adapted), Some(expected), "{domain} {stage} {raw_path}");
            assert_eq!(
                adapted.uri().to_string(),
                if stage == "$default" { "https://forged.example/stats?query=1" } else { "/stats?query=1" }
            );
            assert_eq!(adapted.extensions().get(), Some(&Peer::Ip([203, 0, 113, 7].into())));
        }
    }

    #[test]
    fn where_a_live_url_is_configured_it_is_not_replaced() {
        assert_eq!(url(&adapt(request("id.example", "$default", "/"), false)), None);
    }

    #[test]
    fn a_domain_that_is_none_gives_no_link() {
        assert_eq!(url(&adapt(request("a b", "$default", "/"), true)), None);
    }
}
