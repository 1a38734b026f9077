//! Routes under `/api`.

mod alerts;
mod beat;
mod channels;
mod devices;
mod devices_device;
mod devices_editor_key;
mod devices_erase;
mod devices_token_generate;
mod errors;
mod history;
mod ok;
mod openapi;
mod pair;
mod snooze;
mod stats;
mod stats_ws;
mod stats_ws_changes;
mod wakatime_clients;
mod wakatime_heartbeats;
