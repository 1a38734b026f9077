//! Routes under `/api`.

mod beat;
mod devices;
mod devices_token_generate;
mod errors;
mod openapi;
mod stats;
mod stats_ws;
