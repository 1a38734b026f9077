//! Notifications, from the event to a service over real HTTP: in order, at least once, even when processes die.

mod alerts_many_processes;
mod discord;
mod outbox;
mod refusals;
mod webhook;
