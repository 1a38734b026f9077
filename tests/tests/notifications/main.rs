//! Notifications, from the event to a service over real HTTP: in order, at least once, even when processes die.

mod alerts;
mod alerts_many_processes;
mod channel;
mod devices;
mod discord;
mod guard;
mod mail;
mod ntfy;
mod outbox;
mod refusals;
mod telegram;
mod watchdog;
mod webhook;
mod webhook_libraries;
