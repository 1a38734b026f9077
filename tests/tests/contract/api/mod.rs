//! Routes under `/api`.

mod beat;
mod devices;
mod devices_editor_key;
mod devices_token_generate;
mod errors;
mod openapi;
mod pair;
mod stats;
mod stats_ws;
mod stats_ws_changes;
mod wakatime_clients;
mod wakatime_heartbeats;
