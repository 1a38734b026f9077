//! HTTP behavior that several routes share.
//!
//! - [`route`]: the shape of a route: name, paths, router.
//! - [`middleware`]: rules for every response: rate limiting, CORS, the log line.
//! - [`auth`]: authentication: the owner's key, device tokens, and what editors present.
//! - [`owner_key`]: the owner's key as it is now.
//! - [`session`]: the owner's sessions in browsers.
//! - [`cookies`]: the cookies that hold them.
//! - [`own_origin`]: whether a page of our own made the browser send a request.
//! - [`body`]: request bodies, with a timeout and a maximum size.
//! - [`client_ip`]: the IP address that a request came from.
//! - [`live_url`]: the URL below which absolute links lead to this server.
//! - [`request_metrics`]: how many requests there were, and how long they took.
//! - [`rate_limit`]: slows down failed authentication per client IP.
//! - [`monitor`]: authentication of programs that read the metrics.
//! - [`onlooker`]: who looks at what strangers may see in part.
//! - [`number`]: numbers in paths and queries.
//! - [`problem`]: everything that can go wrong, with its status and its JSON.
//! - [`error_responses`]: the same for the `OpenAPI` document.
//! - [`json`]: JSON responses as people read them in a terminal.
//! - [`members`]: the members of bodies that are JSON objects.
//! - [`html`]: rendering templates, and the headers of HTML responses.
//! - [`document`]: HTML documents, plain and compressed.
//! - [`encoding`]: which encoding a client prefers.
//! - [`conditional`]: `ETag`, `If-None-Match` and 304.
//! - [`response_cache`]: responses kept until the stats change.
//! - [`single_flight`]: responses that are rendered once for all who ask meanwhile.

pub mod auth;
pub(crate) mod body;
pub mod client_ip;
pub(crate) mod conditional;
pub(crate) mod cookies;
pub(crate) mod document;
pub(crate) mod encoding;
pub(crate) mod error_responses;
pub(crate) mod html;
pub(crate) mod json;
pub mod live_url;
pub(crate) mod members;
pub(crate) mod middleware;
pub(crate) mod monitor;
pub(crate) mod number;
pub(crate) mod onlooker;
pub(crate) mod own_origin;
pub mod owner_key;
pub mod problem;
pub(crate) mod rate_limit;
pub(crate) mod request_metrics;
pub(crate) mod response_cache;
pub mod route;
pub(crate) mod session;
pub(crate) mod single_flight;
