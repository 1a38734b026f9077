//! Notifications, from the event to a service over real HTTP: in order, at least once, even when processes die.

mod devices;
mod discord;
mod outbox;
mod refusals;
mod watchdog;
mod webhook;
