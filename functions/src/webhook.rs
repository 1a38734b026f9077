//! Telling others what happened, with the configuration and the randomness of this program.

use heartbeat_core::{
    Config,
    token::Token,
    webhook::{Deliverer, discord::Discord},
};
use rand::{Rng, rand_core::UnwrapErr, rngs::SysRng};
use sqlx::postgres::PgConnectOptions;

use crate::app::system_clock;

/// Delivers to the Discord channel that the configuration names, if it names one.
#[must_use]
pub fn to_discord(config: &Config, database: PgConnectOptions) -> Option<Deliverer<Discord>> {
    let channel = Discord::new(config.webhook_url.as_ref()?, config.live_url.clone());
    // No two processes share a name.
    let holder = Token::generate(&mut UnwrapErr(SysRng));
    Some(Deliverer::new(channel, database, system_clock, holder.expose().to_owned(), random))
}

fn random() -> f64 {
    f64::from(UnwrapErr(SysRng).next_u32()) / f64::from(u32::MAX)
}
