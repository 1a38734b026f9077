//! Where the database is, and what stands in front of it.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::BoxFuture;
use sqlx::postgres::PgConnectOptions;

use crate::secret::Secret;

/// What stands between this program and PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooler {
    /// Nothing, or a pooler in session mode: a connection is one session of PostgreSQL.
    None,
    /// A pooler in transaction mode, such as PgBouncer's: each transaction may run in another session of PostgreSQL, so
    /// nothing may be left in one.
    Transaction,
}

impl Pooler {
    /// Parses the name of a mode.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "none" => Ok(Self::None),
            "transaction" => Ok(Self::Transaction),
            _ => Err("none, or transaction for a pooler in transaction mode"),
        }
    }
}

/// Finds out how to connect after the database refused a login.
pub trait Renew: Debug + Send + Sync {
    /// Returns how to connect from now on; `None` if that is not known.
    fn renew(&self) -> BoxFuture<'_, Option<PgConnectOptions>>;
}

/// A database, as all sessions of this program connect to it.
#[derive(Debug, Clone)]
pub struct Target {
    options: Arc<Mutex<Secret<PgConnectOptions>>>,
    pooler: Pooler,
    renew: Option<Arc<dyn Renew>>,
}

impl Target {
    /// Returns the database that `options` name, behind `pooler`.
    #[must_use]
    pub fn new(options: PgConnectOptions, pooler: Pooler) -> Self {
        let options = options.application_name("heartbeat");
        let options = match pooler {
            // With its start-up parameter left as it is, a pooler refuses the login, before it mixes up sessions.
            Pooler::None => options,
            // PgBouncer refuses start-up parameters that it cannot set again in another session. PostgreSQL 12 and later
            // write all digits without this one.
            Pooler::Transaction => options.extra_float_digits(None),
        };
        Self { options: Arc::new(Mutex::new(Secret::new(options))), pooler, renew: None }
    }

    /// Asks `renew` how to connect when the database refuses a login, as it does after its password was changed.
    #[must_use]
    pub fn renewed_by(self, renew: Arc<dyn Renew>) -> Self {
        Self { renew: Some(renew), ..self }
    }

    /// Returns what stands in front of the database.
    pub(super) fn pooler(&self) -> Pooler {
        self.pooler
    }

    /// Returns how to connect.
    pub(super) fn options(&self) -> PgConnectOptions {
        self.current().expose().clone()
    }

    /// Finds out how to connect from now on, after a login was refused. Returns whether to try again.
    pub(super) async fn renew(&self) -> bool {
        let Some(renew) = &self.renew else { return false };
        let Some(options) = renew.renew().await else { return false };
        let renewed = Self::new(options, self.pooler).options();
        *self.current() = Secret::new(renewed);
        true
    }

    fn current(&self) -> MutexGuard<'_, Secret<PgConnectOptions>> {
        self.options.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
