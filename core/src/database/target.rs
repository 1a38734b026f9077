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

/// How to connect, until the database refuses that.
#[derive(Debug, Clone)]
pub(super) struct Login {
    pub(super) options: Secret<PgConnectOptions>,
    /// How often it was renewed.
    generation: u64,
}

/// A database, as all sessions of this program connect to it.
#[derive(Debug, Clone)]
pub struct Target {
    login: Arc<Mutex<Login>>,
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
        let login = Login { options: Secret::new(options), generation: 0 };
        Self { login: Arc::new(Mutex::new(login)), pooler, renew: None }
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
    pub(super) fn login(&self) -> Login {
        self.current().clone()
    }

    /// Returns how to connect after `refused` was refused, if there is another way by now.
    pub(super) async fn renew(&self, refused: &Login) -> Option<Login> {
        if let Some(renew) = &self.renew
            && self.current().generation == refused.generation
            && let Some(options) = renew.renew().await
        {
            let options = Self::new(options, self.pooler).login().options;
            let mut current = self.current();
            *current = Login { options, generation: current.generation + 1 };
        }
        Some(self.login()).filter(|login| login.generation != refused.generation)
    }

    fn current(&self) -> MutexGuard<'_, Login> {
        self.login.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
