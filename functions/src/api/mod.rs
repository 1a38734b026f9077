//! Routes for programs. Errors are problems (RFC 9457).
//!
//! - [`absences`]: `GET /api/absences`
//! - [`alerts`]: `GET` and `POST /api/alerts`, `GET /api/alerts/preview`, and below it `GET`, `PATCH` and `DELETE
//!   /api/alerts/{id}` and `POST /api/alerts/{id}/test`
//! - [`beat`]: `POST /api/beat`
//! - `channels`: `GET` and `POST /api/channels`, and below it `GET`, `PATCH` and `DELETE /api/channels/{id}`, `POST
//!   /api/channels/{id}/test` and `POST /api/channels/{id}/resend` (feature `webhook`)
//! - [`devices`]: `GET` and `POST /api/devices`, and below it `GET`, `PATCH` and `DELETE /api/devices/{id}`,
//!   `POST /api/devices/{id}/token/generate`, `POST /api/devices/{id}/pairing`, and `POST` and `DELETE
//!   /api/devices/{id}/editor-key`
//! - [`health`]: `GET /.well-known/health`
//! - [`history`]: `GET /api/history`
//! - [`metrics`]: `GET /metrics`
//! - [`ok`]: `POST /api/ok`
//! - [`openapi`]: `GET /api/openapi.json`
//! - [`pair`]: `POST /api/pair`
//! - [`snooze`]: `GET`, `PUT` and `DELETE /api/snooze`
//! - [`stats`]: `GET /api/stats`
//! - [`wakatime`]: `POST /api/v1/users/current/heartbeats.bulk`, and the same for one item

pub mod absences;
pub mod alerts;
pub mod beat;
#[cfg(feature = "webhook")]
pub mod channels;
pub mod devices;
pub mod health;
pub mod history;
pub mod metrics;
pub mod ok;
pub mod openapi;
pub mod pair;
pub mod snooze;
pub mod stats;
pub mod wakatime;
