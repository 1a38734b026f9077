//! URL below which absolute links lead to this server.

use std::{borrow::Cow, convert::Infallible, sync::Arc};

use axum::{extract::FromRequestParts, http::request::Parts};
use url::Url;

use crate::App;

/// URL that a request came through, in its extensions. A runtime puts it there that knows it for certain, and only where
/// `live_url` is not configured: a `Host` header, and what proxies forward of it, may be a stranger's invention.
#[derive(Debug, Clone)]
pub struct ReachedUrl(Arc<Url>);

impl ReachedUrl {
    /// Takes a URL to which paths can be appended.
    #[must_use]
    pub fn new(url: Url) -> Self {
        Self(Arc::new(url))
    }

    /// Returns the URL.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }
}

/// URL of this server for the links in the response to one request: the [`ReachedUrl`], or else `live_url`.
#[derive(Debug)]
pub(crate) struct LiveUrl {
    app: App,
    reached: Option<ReachedUrl>,
}

impl LiveUrl {
    /// Takes the URL of a request.
    pub(crate) fn of(parts: &Parts, app: &App) -> Self {
        Self { app: app.clone(), reached: parts.extensions.get().cloned() }
    }

    /// Returns the URL.
    pub(crate) fn url(&self) -> &Url {
        self.reached.as_ref().map_or(&self.app.config.live_url, ReachedUrl::url)
    }

    /// Returns the key of a response in a cache: responses to requests that came through different URLs are different.
    pub(crate) fn cache_key<'a>(&self, path: &'a str) -> Cow<'a, str> {
        // Neither a path nor a URL has a blank.
        self.reached.as_ref().map_or(path.into(), |reached| format!("{path} {}", reached.url()).into())
    }
}

impl FromRequestParts<App> for LiveUrl {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self::of(parts, app))
    }
}
