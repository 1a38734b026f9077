//! Secrets that are read again, because they were rotated since the function started.

use futures_util::future::BoxFuture;
use heartbeat_core::{Clock, config::Database, database::Renew, secret::Secret, token::SecretKey};
use sqlx::postgres::PgConnectOptions;
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;

use super::{DATABASE, SECRET_KEY, Secrets, StoredSecret};
use crate::http::owner_key::KeySource;

/// Shortest interval of reading the database's secret again. While its password is wrong, each request asks for that; a
/// crowd of functions that did so would be throttled, and cost money.
const MIN_INTERVAL: Duration = Duration::seconds(10);

/// The database's secret, which is read again after the database refused what it said before.
#[derive(Debug)]
pub(in crate::lambda) struct DatabaseSecret {
    secret: StoredSecret,
    clock: Clock,
    known: Mutex<Known>,
}

/// What the secret is known to say.
#[derive(Debug)]
struct Known {
    text: Secret<String>,
    read_again_at: Option<OffsetDateTime>,
}

impl Renew for DatabaseSecret {
    fn renew(&self) -> BoxFuture<'_, Option<PgConnectOptions>> {
        Box::pin(self.rotated())
    }
}

impl DatabaseSecret {
    /// Returns how to connect according to the secret as it is now; `None` if it says what it said before, or was read a
    /// moment ago.
    async fn rotated(&self) -> Option<PgConnectOptions> {
        let mut known = self.known.lock().await;
        let now = (self.clock)();
        if known.read_again_at.is_some_and(|at| (Duration::ZERO..MIN_INTERVAL).contains(&(now - at))) {
            return None;
        }
        // Before it is read: a caller may give up meanwhile.
        known.read_again_at = Some(now);
        let text = self.secret.read().await;
        let text = text.inspect_err(|error| tracing::error!(%error, "cannot read a secret again")).ok()?;
        if text == known.text {
            return None;
        }
        known.text = text;
        let Ok(Database::Server(options)) = Database::parse(known.text.expose()) else {
            tracing::error!(variable = DATABASE.name, "the rotated secret is not the URL of a PostgreSQL");
            return None;
        };
        tracing::info!(variable = DATABASE.name, "the secret was rotated");
        Some(options.expose().clone())
    }
}

impl KeySource for StoredSecret {
    fn read_again(&self) -> BoxFuture<'_, Option<SecretKey>> {
        Box::pin(async {
            match self.read().await {
                Ok(text) => {
                    let key = SecretKey::parse(text.expose());
                    if key.is_none() {
                        tracing::error!(
                            variable = self.variable.name,
                            "the rotated secret cannot be a secret key"
                        );
                    }
                    key
                }
                Err(error) => {
                    tracing::error!(%error, "cannot read a secret again");
                    None
                }
            }
        })
    }
}

impl Secrets {
    /// Returns the database's secret, if the configuration has its value from there.
    pub(in crate::lambda) fn database(&self, clock: Clock) -> Option<DatabaseSecret> {
        let (secret, text) = self.find(DATABASE)?.clone();
        let known = Known { text, read_again_at: None };
        Some(DatabaseSecret { secret, clock, known: Mutex::new(known) })
    }

    /// Returns the secret that holds the owner's key, if the configuration has its value from there.
    pub(in crate::lambda) fn owner_key(&self) -> Option<Box<dyn KeySource>> {
        let (secret, _) = self.find(SECRET_KEY)?;
        Some(Box::new(secret.clone()))
    }
}
