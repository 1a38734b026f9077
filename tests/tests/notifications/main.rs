//! Notifications, from the event to a service over real HTTP: in order, at least once, even when processes die.

mod alerts;
mod discord;
mod outbox;
mod refusals;
mod webhook;
mod webhook_libraries;
