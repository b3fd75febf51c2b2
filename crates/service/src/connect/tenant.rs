//! A PostgreSQL schema of a pool that serves several, and a pool behind a
//! pooler that gives each transaction another session.
//!
//! Nothing is kept in the session: the search path is set in each transaction,
//! for that transaction alone. So one pool serves any number of tenants, and a
//! session that the pooler hands to somebody else carries nothing along.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement,
};

use crate::transaction::{Transaction, TransactionError, TransactionSource};

/// A pool, seen through one schema.
///
/// Cheap to clone; the clones share the pool. A single statement is a
/// transaction of its own where the schema has to be chosen for it.
#[derive(Debug, Clone)]
pub struct Tenant {
    db: DatabaseConnection,
    schema: Option<Arc<str>>,
    forgets_statements: bool,
    lock_timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    /// What each transaction begins with: all of the above.
    prologue: Option<Arc<str>>,
}

impl Tenant {
    /// The schema that the pool's own connections see.
    #[must_use]
    pub fn of(db: DatabaseConnection) -> Self {
        Self {
            db,
            schema: None,
            forgets_statements: false,
            lock_timeout: None,
            idle_timeout: None,
            prologue: None,
        }
    }

    /// A schema of a PostgreSQL database, whatever search path the pool's
    /// connections have. `pg_catalog` is always seen. On SQLite, which has no
    /// schemas, it is the database itself.
    #[must_use]
    pub fn schema(db: DatabaseConnection, schema: &str) -> Self {
        Self {
            schema: Some(schema.into()),
            ..Self::of(db)
        }
        .with_prologue()
    }

    /// For a pool behind a pooler in transaction mode. The statement cache of
    /// the pool has to be off (`statement-cache-capacity=0` in the URL).
    ///
    /// sqlx names each prepared statement, with the cache off too, and numbers
    /// them anew for each connection of a client; the session that the pooler
    /// lends may have the names of another client, so that each transaction
    /// begins by forgetting them.
    #[must_use]
    pub fn behind_transaction_pooler(mut self) -> Self {
        self.forgets_statements = true;
        self.with_prologue()
    }

    /// Each lock is waited for no longer than this; then the statement fails with
    /// an error that is [retryable](TransactionError::is_retryable);
    /// milliseconds, at least one. A single statement becomes a transaction.
    /// PostgreSQL only; SQLite has the busy timeout of the pool.
    #[must_use]
    pub fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = Some(timeout);
        self.with_prologue()
    }

    /// The server ends a transaction in which nothing happens for this long,
    /// and its connection, so that a client that was stopped in the middle holds
    /// its locks no longer; milliseconds, at least one. PostgreSQL only.
    #[must_use]
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self.with_prologue()
    }

    fn with_prologue(mut self) -> Self {
        if self.db.get_database_backend() != DbBackend::Postgres {
            return self;
        }
        let mut statements = Vec::new();
        if self.forgets_statements {
            statements.push("DEALLOCATE ALL".to_owned());
        }
        if let Some(schema) = &self.schema {
            let schema = schema.replace('"', "\"\"");
            statements.push(format!("SET LOCAL search_path TO \"{schema}\""));
        }
        for (name, timeout) in [
            ("lock_timeout", self.lock_timeout),
            ("idle_in_transaction_session_timeout", self.idle_timeout),
        ] {
            if let Some(timeout) = timeout {
                // Zero would be no limit, and more than an i32 is refused.
                let millis = timeout.as_millis().clamp(1, i32::MAX as u128);
                statements.push(format!("SET LOCAL {name} TO {millis}"));
            }
        }
        self.prologue = (!statements.is_empty()).then(|| statements.join("; ").into());
        self
    }

    /// The schema, when one was named.
    #[must_use]
    pub fn schema_name(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &DatabaseConnection {
        &self.db
    }

    /// Begins the transaction that a single statement needs, if it needs one: to
    /// be idle in, it has none.
    async fn scope(&self) -> Result<Option<Transaction<'static>>, DbErr> {
        let is_needed =
            self.schema.is_some() || self.forgets_statements || self.lock_timeout.is_some();
        if !is_needed || self.prologue.is_none() {
            return Ok(None);
        }
        match self.begin_transaction("single statement").await {
            Ok(txn) => Ok(Some(txn)),
            Err(TransactionError::Begin { source, .. }) => Err(source),
            Err(error) => Err(DbErr::Custom(error.to_string())),
        }
    }
}

impl From<DatabaseConnection> for Tenant {
    fn from(db: DatabaseConnection) -> Self {
        Self::of(db)
    }
}

#[async_trait]
impl TransactionSource for Tenant {
    async fn begin_transaction(
        &self,
        context: &'static str,
    ) -> Result<Transaction<'static>, TransactionError> {
        Transaction::begin_with(&self.db, context, self.prologue.clone()).await
    }
}

#[async_trait]
impl ConnectionTrait for Tenant {
    fn get_database_backend(&self) -> DbBackend {
        self.db.get_database_backend()
    }

    async fn execute_raw(&self, stmt: Statement) -> Result<ExecResult, DbErr> {
        let Some(txn) = self.scope().await? else {
            return self.db.execute_raw(stmt).await;
        };
        let result = txn.execute_raw(stmt).await?;
        txn.end_single().await?;
        Ok(result)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let Some(txn) = self.scope().await? else {
            return self.db.execute_unprepared(sql).await;
        };
        let result = txn.execute_unprepared(sql).await?;
        txn.end_single().await?;
        Ok(result)
    }

    async fn query_one_raw(&self, stmt: Statement) -> Result<Option<QueryResult>, DbErr> {
        let Some(txn) = self.scope().await? else {
            return self.db.query_one_raw(stmt).await;
        };
        let row = txn.query_one_raw(stmt).await?;
        txn.end_single().await?;
        Ok(row)
    }

    async fn query_all_raw(&self, stmt: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let Some(txn) = self.scope().await? else {
            return self.db.query_all_raw(stmt).await;
        };
        let rows = txn.query_all_raw(stmt).await?;
        txn.end_single().await?;
        Ok(rows)
    }
}
