use std::{
    marker::PhantomData,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};

use super::{BoxFuture, TransactionError};
use crate::sql;

/// A transaction under way.
///
/// SeaORM's query API works on it (`Entity::find().one(&txn)`), except streams:
/// a stream that is still alive hangs the next statement.
///
/// Once a statement has failed, every further one is refused with the first
/// failure's text, and so is the commit, on PostgreSQL and on SQLite alike. A
/// statement that may fail belongs into a [`savepoint`](Self::savepoint) or
/// [`safe_flush`](super::safe_flush).
///
/// Dropped without a commit it is rolled back.
#[derive(Debug)]
pub struct Transaction<'t> {
    inner: Inner<'t>,
    context: &'static str,
    failure: Mutex<Option<DbErr>>,
    /// A savepoint failed in a way that may not come again.
    retryable: AtomicBool,
    lent: PhantomData<&'t mut ()>,
}

#[derive(Debug)]
enum Inner<'t> {
    Owned(DatabaseTransaction),
    Lent(&'t DatabaseTransaction),
}

impl Inner<'_> {
    fn get(&self) -> &DatabaseTransaction {
        match self {
            Self::Owned(txn) => txn,
            Self::Lent(txn) => txn,
        }
    }
}

impl Transaction<'static> {
    /// Begins a transaction; `context` says what it is for, in errors and logs.
    ///
    /// On SQLite it is the one writer from the start: a transaction that turns
    /// writer later fails at once when another one writes, without waiting.
    pub async fn begin(
        db: &DatabaseConnection,
        context: &'static str,
    ) -> Result<Self, TransactionError> {
        Self::begin_with(db, context, None).await
    }

    /// [`begin`](Self::begin), and statements without parameters that the
    /// transaction starts with.
    pub(crate) async fn begin_with(
        db: &DatabaseConnection,
        context: &'static str,
        prologue: Option<Arc<str>>,
    ) -> Result<Self, TransactionError> {
        let db = db.clone();
        // A caller that is cancelled in the middle of BEGIN would leave the
        // connection inside a transaction that the pool knows nothing of. The
        // task goes on, and what it began is dropped, which rolls it back.
        let begun = tokio::spawn(async move {
            let txn = db
                .begin_with_options(TransactionOptions {
                    sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                    ..TransactionOptions::default()
                })
                .await?;
            if let Some(prologue) = prologue {
                txn.execute_unprepared(&prologue).await?;
            }
            Ok(txn)
        })
        .await
        .unwrap_or_else(|join| Err(DbErr::Custom(format!("the task of BEGIN ended: {join}"))));
        match begun {
            Ok(txn) => Ok(Self::new(Inner::Owned(txn), context)),
            Err(source) => Err(TransactionError::Begin { context, source }),
        }
    }

    /// Commits a transaction of one statement, which did not fail.
    pub(crate) async fn end_single(self) -> Result<(), DbErr> {
        match self.into_owned() {
            Some(txn) => txn.commit().await,
            None => Ok(()),
        }
    }
}

impl<'t> Transaction<'t> {
    /// Lends a transaction of SeaORM's own to the steps of this crate. It stays
    /// the caller's to commit; if a step fails, it has to be rolled back.
    #[must_use]
    pub fn lend(txn: &'t mut DatabaseTransaction, context: &'static str) -> Self {
        Self::new(Inner::Lent(txn), context)
    }

    fn new(inner: Inner<'t>, context: &'static str) -> Self {
        Self {
            inner,
            context,
            failure: Mutex::new(None),
            retryable: AtomicBool::new(false),
            lent: PhantomData,
        }
    }

    /// What the transaction is for.
    #[must_use]
    pub fn context(&self) -> &'static str {
        self.context
    }

    /// Runs `body` inside a savepoint: if it fails, what it wrote is gone and
    /// the transaction goes on as before it. A call that is cancelled takes the
    /// whole transaction with it.
    ///
    /// ```no_run
    /// # use outreach_service::transaction::{Transaction, TransactionError};
    /// # use sea_orm::ConnectionTrait;
    /// # async fn example(txn: &mut Transaction<'_>) -> Result<(), TransactionError> {
    /// let savepoint = txn.savepoint(|inner| Box::pin(async move {
    ///     let _ = inner.execute_unprepared("SELECT 1").await;
    ///     Ok(())
    /// }));
    /// savepoint.await
    /// # }
    /// ```
    ///
    /// The savepoint borrows the transaction. Using or committing the outer one
    /// before it has ended would lose what either wrote, and does not compile:
    ///
    /// ```compile_fail,E0502
    /// # use outreach_service::transaction::{Transaction, TransactionError};
    /// # use sea_orm::ConnectionTrait;
    /// # async fn example(txn: &mut Transaction<'_>) -> Result<(), TransactionError> {
    /// let savepoint = txn.savepoint(|inner| Box::pin(async move {
    ///     let _ = inner.execute_unprepared("SELECT 1").await;
    ///     Ok(())
    /// }));
    /// let _ = txn.execute_unprepared("SELECT 1").await;
    /// savepoint.await
    /// # }
    /// ```
    pub async fn savepoint<'s, T, E, F>(&'s mut self, body: F) -> Result<T, E>
    where
        F: for<'b> FnOnce(&'b mut Transaction<'s>) -> BoxFuture<'b, Result<T, E>>,
        E: From<TransactionError>,
    {
        let context = self.context;
        if let Some(source) = self.failure() {
            return Err(TransactionError::Aborted { context, source }.into());
        }
        // A caller that goes away while the savepoint begins or ends leaves
        // nobody knows what: the driver may have rolled back all of the
        // transaction. Until the savepoint has ended, it counts as failed.
        self.set_failure(Some(DbErr::Custom("a savepoint was cut off".to_owned())));
        let nested = match self.inner.get().begin().await {
            Ok(nested) => nested,
            Err(source) => {
                self.set_failure(Some(source.clone()));
                return Err(TransactionError::Failed { context, source }.into());
            }
        };
        let mut nested = Transaction::new(Inner::Owned(nested), context);
        let result = body(&mut nested).await;
        let failure = nested.failure();
        if nested.failed_retryably() {
            self.retryable.store(true, Ordering::Relaxed);
        }
        let ended = if result.is_ok() && failure.is_none() {
            nested.release().await
        } else {
            nested.roll_back().await
        };
        if let Err(TransactionError::Failed { source, .. }) = &ended {
            self.set_failure(Some(source.clone()));
        }
        ended?;
        self.set_failure(None);
        match (result, failure) {
            (Ok(_), Some(source)) => Err(TransactionError::Aborted { context, source }.into()),
            (result, _) => result,
        }
    }

    /// The first statement that failed, if one did.
    pub(super) fn failure(&self) -> Option<DbErr> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_failure(&self, failure: Option<DbErr>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    /// The transaction beneath, to end it. `None` when it was lent.
    pub(super) fn into_owned(self) -> Option<DatabaseTransaction> {
        match self.inner {
            Inner::Owned(txn) => Some(txn),
            Inner::Lent(_) => None,
        }
    }

    async fn release(self) -> Result<(), TransactionError> {
        let context = self.context;
        match self.into_owned() {
            Some(txn) => txn
                .commit()
                .await
                .map_err(|source| TransactionError::Failed { context, source }),
            None => Ok(()),
        }
    }

    pub(super) async fn roll_back(self) -> Result<(), TransactionError> {
        let context = self.context;
        match self.into_owned() {
            Some(txn) => txn
                .rollback()
                .await
                .map_err(|source| TransactionError::Failed { context, source }),
            None => Ok(()),
        }
    }

    fn refuse_if_failed(&self) -> Result<(), DbErr> {
        match self.failure() {
            None => Ok(()),
            Some(first) => Err(DbErr::Custom(format!(
                "the transaction `{}` can only be rolled back, because an earlier statement \
                 failed: {first}",
                self.context
            ))),
        }
    }

    fn watch<T>(&self, result: Result<T, DbErr>) -> Result<T, DbErr> {
        if let Err(error) = &result {
            // No statement runs after the first that failed, so this is it.
            self.set_failure(Some(error.clone()));
        }
        result
    }

    /// Whether a statement failed, here or in a savepoint, in a way that may not
    /// come again.
    pub(super) fn failed_retryably(&self) -> bool {
        self.retryable.load(Ordering::Relaxed)
            || self
                .failure()
                .is_some_and(|error| sql::is_retryable(&error))
    }
}

#[async_trait]
impl ConnectionTrait for Transaction<'_> {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get().get_database_backend()
    }

    async fn execute_raw(&self, stmt: Statement) -> Result<ExecResult, DbErr> {
        self.refuse_if_failed()?;
        self.watch(self.inner.get().execute_raw(stmt).await)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.refuse_if_failed()?;
        self.watch(self.inner.get().execute_unprepared(sql).await)
    }

    async fn query_one_raw(&self, stmt: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.refuse_if_failed()?;
        self.watch(self.inner.get().query_one_raw(stmt).await)
    }

    async fn query_all_raw(&self, stmt: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.refuse_if_failed()?;
        self.watch(self.inner.get().query_all_raw(stmt).await)
    }
}
