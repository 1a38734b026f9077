//! Routes for programs. Errors are problems (RFC 9457).
//!
//! - [`beat`]: `POST /api/beat`
//! - [`devices`]: `POST /api/devices`, and below it `POST /api/devices/{id}/token/generate`
//! - [`health`]: `GET /.well-known/health`
//! - [`openapi`]: `GET /api/openapi.json`
//! - [`stats`]: `GET /api/stats`

pub mod beat;
pub mod devices;
pub mod health;
pub mod openapi;
pub mod stats;
