//! Notifications: event → subscription → outbox → dispatcher → channel.
//!
//! - [`event`]: what happened.
//! - [`subscriptions`]: which configured channel wants which event.
//! - `channel`: what a channel is (feature `webhook`, as is everything below).
//! - `channels`: the list of kinds of channels, and making channels from settings.
//! - `settings`: settings of channels, as their owner writes and reads them.
//! - `outcome`: what becomes of attempts to deliver.
//! - `http`: the one HTTP client, and the one classification of responses.
//! - `dispatcher`: takes events from the outbox and sends them.
//! - `setup`: what the dispatcher and its deliveries work with.
//! - `delivery`: what the dispatcher does while it holds the lease on a channel.
//! - `recording`: what a delivery records of its outcome.
//! - `site`: facts about this server that notifications need.
//! - `strangers`: events as friends may know them.
//! - `wording`: what notifications say, for all kinds of channels.
//! - `text`: text that others wrote, made safe, and cut to limits.
//! - `guard`: which servers a channel may point to.
//! - `webhook_payload`: what webhooks send.
//! - `watchdog`: tells a service elsewhere that alerts are evaluated.
//! - `discord`, `mail`, `ntfy`, `telegram`, `webhook`: one room for each kind of channel.

#[cfg(feature = "webhook")]
pub mod channel;
#[cfg(feature = "webhook")]
pub mod channels;
#[cfg(feature = "webhook")]
mod delivery;
#[cfg(feature = "webhook")]
mod discord;
#[cfg(feature = "webhook")]
pub mod dispatcher;
pub mod event;
#[cfg(feature = "webhook")]
pub mod guard;
#[cfg(feature = "webhook")]
pub mod http;
#[cfg(feature = "webhook")]
mod mail;
#[cfg(feature = "webhook")]
mod ntfy;
#[cfg(feature = "webhook")]
pub mod outcome;
#[cfg(feature = "webhook")]
mod recording;
#[cfg(feature = "webhook")]
pub mod settings;
#[cfg(feature = "webhook")]
pub mod setup;
#[cfg(feature = "webhook")]
pub mod site;
mod strangers;
pub mod subscriptions;
#[cfg(feature = "webhook")]
pub(crate) mod telegram;
#[cfg(feature = "webhook")]
pub mod text;
#[cfg(feature = "webhook")]
pub mod watchdog;
#[cfg(feature = "webhook")]
mod webhook;
#[cfg(feature = "webhook")]
pub mod webhook_payload;
#[cfg(feature = "webhook")]
pub mod wording;
