//! Notifications, from what happens to a service over real HTTP: in order, at least once, whatever breaks.

mod discord;
mod webhook;
