use std::{future::Future, pin::Pin, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use tracing::debug;

use super::{Transaction, TransactionError, TransactionSource, commit::commit};

/// The future of a transaction's body: `Box::pin(async move { … })`.
///
/// Boxed, because the future of an async closure is not known to be `Send`, and
/// then the command could not run in a spawned task.
pub type BoxFuture<'t, T> = Pin<Box<dyn Future<Output = T> + Send + 't>>;

/// Runs `body` in a transaction of its own and commits what it did, or rolls
/// back when it fails. `context` says what the transaction is for.
///
/// ```no_run
/// use outreach_service::transaction::{TransactionError, with_transaction};
/// # use sea_orm::{ConnectionTrait, DatabaseConnection};
///
/// # async fn example(db: &DatabaseConnection) -> Result<(), Failure> {
/// with_transaction(db, "tidy up", |txn| {
///     Box::pin(async move {
///         txn.execute_unprepared("DELETE FROM settings WHERE key = 'old'").await?;
///         Ok(())
///     })
/// })
/// .await
/// # }
/// # #[derive(Debug)] enum Failure { Database(sea_orm::DbErr), Transaction(TransactionError) }
/// # impl From<sea_orm::DbErr> for Failure { fn from(e: sea_orm::DbErr) -> Self { Self::Database(e) } }
/// # impl From<TransactionError> for Failure { fn from(e: TransactionError) -> Self { Self::Transaction(e) } }
/// ```
///
/// # Errors
///
/// The body's own, or a [`TransactionError`] when it could not begin or commit.
pub async fn with_transaction<'a, D, T, E, F>(
    db: &D,
    context: &'static str,
    body: F,
) -> Result<T, E>
where
    D: TransactionSource,
    F: for<'t> FnOnce(&'t mut Transaction<'a>) -> BoxFuture<'t, Result<T, E>>,
    E: From<TransactionError>,
{
    let txn = db.begin_transaction(context).await?;
    attempt(txn, context, body)
        .await
        .map_err(|attempt| attempt.error)
}

/// How often and how fast a transaction is tried again.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Attempts in all, the first included; at least 1.
    pub max_attempts: u32,
    /// The wait after the first failure. It doubles each time, and a random
    /// part of up to its own length is added.
    pub first_delay: Duration,
    /// The longest wait before the random part.
    pub max_delay: Duration,
}

impl Default for RetryPolicy {
    /// Eight attempts, 10 ms to 1 s apart.
    fn default() -> Self {
        Self {
            max_attempts: 8,
            first_delay: Duration::from_millis(10),
            max_delay: Duration::from_secs(1),
        }
    }
}

/// [`with_transaction`], tried again after a serialization failure, a deadlock,
/// a lock timeout or a busy SQLite.
///
/// `body` may run several times, each in a transaction of its own, so it must
/// do nothing outside the transaction that may not be done twice. A lost
/// connection is not tried again: the commit may have happened.
pub async fn with_retrying_transaction<'a, D, T, E, F>(
    db: &D,
    context: &'static str,
    policy: RetryPolicy,
    mut body: F,
) -> Result<T, E>
where
    D: TransactionSource,
    F: for<'t> FnMut(&'t mut Transaction<'a>) -> BoxFuture<'t, Result<T, E>>,
    E: From<TransactionError>,
{
    let mut delays = ExponentialBuilder::default()
        .with_min_delay(policy.first_delay)
        .with_max_delay(policy.max_delay)
        .with_max_times(policy.max_attempts.saturating_sub(1) as usize)
        .with_jitter()
        .build();
    loop {
        // BEGIN itself is not tried again: on SQLite it has waited for the whole
        // busy timeout already.
        let txn = db.begin_transaction(context).await?;
        let failed = match attempt(txn, context, &mut body).await {
            Ok(value) => return Ok(value),
            Err(failed) => failed,
        };
        match delays.next() {
            Some(delay) if failed.retryable => {
                debug!(context, ?delay, "trying the transaction again");
                tokio::time::sleep(delay).await;
            }
            _ => return Err(failed.error),
        }
    }
}

struct Failed<E> {
    error: E,
    retryable: bool,
}

async fn attempt<'a, T, E, F>(
    mut txn: Transaction<'a>,
    context: &'static str,
    body: F,
) -> Result<T, Failed<E>>
where
    F: for<'t> FnOnce(&'t mut Transaction<'a>) -> BoxFuture<'t, Result<T, E>>,
    E: From<TransactionError>,
{
    match body(&mut txn).await {
        Ok(value) => match commit(txn, context).await {
            Ok(()) => Ok(value),
            Err(error) => Err(Failed {
                retryable: error.is_retryable(),
                error: error.into(),
            }),
        },
        Err(error) => {
            let retryable = txn.failed_retryably();
            if let Err(rollback) = txn.roll_back().await {
                // The connection is gone or going, and the server rolls back
                // with it; the body's error is the one that says why.
                debug!(%rollback, context, "rollback failed");
            }
            Err(Failed { error, retryable })
        }
    }
}
