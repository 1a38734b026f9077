//! A connection that statements run on, directly to PostgreSQL or through a pooler.
//!
//! Behind a pooler in transaction mode, each transaction may run in another session of PostgreSQL, and each session
//! serves many clients in turn. So there, statements run in transactions only; settings are made in each of them; and
//! no statement is prepared under a name.

use std::fmt;

use futures_util::{FutureExt, StreamExt, TryFutureExt, future::BoxFuture, stream::BoxStream};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection as _, Describe, Either, Execute, Executor, FromRow,
    PgConnection, Postgres, SqlStr,
    error::BoxDynError,
    postgres::{PgArguments, PgQueryResult, PgRow, PgStatement, PgTypeInfo},
};

use super::{
    error::is_refused_login,
    literal::{self, Literal},
    target::{Login, Pooler, Target},
};

/// A connection to the database.
pub struct Connection {
    inner: PgConnection,
    pooler: Pooler,
    /// Behind a pooler: statements with which each transaction begins, such as `SET LOCAL jit = off`.
    settings: String,
    in_transaction: bool,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("pooler", &self.pooler).finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects. If the login is refused, and there is another one by now, connects with that.
    pub async fn open(target: &Target) -> Result<Self, sqlx::Error> {
        let connect =
            async |login: &Login| login.options.expose().clone().disable_statement_logging().connect().await;
        let login = target.login();
        let inner = match connect(&login).await {
            Err(error) if is_refused_login(&error) => match target.renew(&login).await {
                Some(login) => connect(&login).await?,
                None => return Err(error),
            },
            connected => connected?,
        };
        Ok(Self { inner, pooler: target.pooler(), settings: String::new(), in_transaction: false })
    }

    /// Whether a pooler in transaction mode stands in front of the database.
    #[must_use]
    pub fn is_pooled(&self) -> bool {
        self.pooler == Pooler::Transaction
    }

    /// Makes `settings`, such as `jit = off`, for all that follows: in this session or, behind a pooler, in each
    /// transaction, in place of those made before. There it takes no round trip, but in the midst of a transaction.
    pub(super) async fn set(&mut self, settings: &[String]) -> Result<(), sqlx::Error> {
        let mut statements = statements("SET", settings);
        if self.is_pooled() {
            self.settings = self::statements("SET LOCAL", settings);
            if !self.in_transaction {
                return Ok(());
            }
            statements.clone_from(&self.settings);
        }
        self.inner.execute(AssertSqlSafe(statements)).await.map(drop)
    }

    /// Makes one round trip in which the database does nothing.
    pub async fn ping(&mut self) -> Result<(), sqlx::Error> {
        self.inner.ping().await
    }

    /// Begins a transaction with `statement`, such as `BEGIN`. Behind a pooler, the first statement after another
    /// transaction does so by itself.
    pub async fn begin(&mut self, statement: &str) -> Result<(), sqlx::Error> {
        let message = [statement, &self.settings].join("; ");
        self.in_transaction = true;
        self.inner.execute(AssertSqlSafe(message)).await.map(drop)
    }

    /// Commits the transaction, if one has begun.
    pub async fn commit(&mut self) -> Result<(), sqlx::Error> {
        self.end("COMMIT").await
    }

    /// Rolls the transaction back, if one has begun.
    pub(super) async fn roll_back(&mut self) -> Result<(), sqlx::Error> {
        self.end("ROLLBACK").await
    }

    async fn end(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        if !std::mem::take(&mut self.in_transaction) {
            return Ok(());
        }
        self.inner.execute(statement).await.map(drop)
    }

    /// Whether a transaction has begun, and not ended.
    pub(super) fn is_in_transaction(&self) -> bool {
        self.in_transaction
    }

    /// Begins a transaction, unless one has begun. The session commits what it runs.
    pub(crate) async fn ensure_transaction(&mut self) -> Result<(), sqlx::Error> {
        if self.in_transaction { Ok(()) } else { self.begin("BEGIN").await }
    }

    /// Runs `statement`, with `arguments` written into it, as the last one of a transaction: in one round trip with the
    /// commit ("Multiple Statements in a Simple Query", PostgreSQL's manual, section 55.2.2.1). Behind a pooler only.
    ///
    /// The begin of the transaction takes another: it may have to wait for a session, and how long the statement may take
    /// is known only when that has ended.
    pub(super) async fn fetch_and_commit<T>(
        &mut self,
        statement: &str,
        arguments: &[Literal<'_>],
    ) -> Result<Vec<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, PgRow>,
    {
        self.ensure_transaction().await?;
        let message = literal::inline(statement, arguments) + "; COMMIT";
        let rows = sqlx::raw_sql(AssertSqlSafe(message)).fetch_all(&mut self.inner).await?;
        self.in_transaction = false;
        rows.iter().map(T::from_row).collect()
    }
}

fn statements(command: &str, settings: &[String]) -> String {
    let statements = settings.iter().map(|setting| format!("{command} {setting}"));
    statements.collect::<Vec<_>>().join("; ")
}

impl<'c> Executor<'c> for &'c mut Connection {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        if !self.is_pooled() {
            return self.inner.fetch_many(query);
        }
        let begun = async move {
            self.ensure_transaction().await?;
            Ok(self.inner.fetch_many(Unnamed(query)))
        };
        begun.try_flatten_stream().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        if !self.is_pooled() {
            return self.inner.fetch_optional(query);
        }
        let fetched = async move {
            self.ensure_transaction().await?;
            self.inner.fetch_optional(Unnamed(query)).await
        };
        fetched.boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        self.inner.prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, sqlx::Error>>
    where
        'c: 'e,
    {
        self.inner.describe(sql)
    }
}

/// A query whose statement is prepared without a name, and forgotten.
struct Unnamed<E>(E);

impl<'q, E: Execute<'q, Postgres>> Execute<'q, Postgres> for Unnamed<E> {
    fn sql(self) -> SqlStr {
        self.0.sql()
    }

    fn statement(&self) -> Option<&PgStatement> {
        self.0.statement()
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, BoxDynError> {
        self.0.take_arguments()
    }

    fn persistent(&self) -> bool {
        false
    }
}
