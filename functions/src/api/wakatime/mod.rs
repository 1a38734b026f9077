//! Routes that WakaTime's clients, which are in many editors, know by these paths.
//!
//! - [`heartbeats`]: `POST /api/v1/users/current/heartbeats.bulk` and `POST /api/v1/users/current/heartbeats`
//! - [`times`]: the times in what they send, which is all that is read of it

pub mod heartbeats;
pub(crate) mod times;
