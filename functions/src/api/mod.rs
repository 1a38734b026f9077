//! Routes for programs. Errors are problems (RFC 9457).
//!
//! - [`beat`]: `POST /api/beat`
//! - [`devices`]: `POST /api/devices`, and below it `POST /api/devices/{id}/token/generate`,
//!   `POST /api/devices/{id}/pairing`, and `POST` and `DELETE /api/devices/{id}/editor-key`
//! - [`health`]: `GET /.well-known/health`
//! - [`metrics`]: `GET /metrics`
//! - [`openapi`]: `GET /api/openapi.json`
//! - [`pair`]: `POST /api/pair`
//! - [`stats`]: `GET /api/stats`
//! - [`wakatime`]: `POST /api/v1/users/current/heartbeats.bulk`, and the same for one item

pub mod beat;
pub mod devices;
pub mod health;
pub mod metrics;
pub mod openapi;
pub mod pair;
pub mod stats;
pub mod wakatime;
