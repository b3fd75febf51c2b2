use std::fmt;

use sea_orm::{ConnectionTrait, DbBackend, QueryTrait, Statement, StatementBuilder};

use super::{FlushError, Transaction, TransactionError};
use crate::sql;

/// A write that waits for [`safe_flush`], with the words that an error names
/// it by.
pub struct PendingWrite {
    label: String,
    build: Box<dyn FnOnce(DbBackend) -> Statement + Send>,
}

impl PendingWrite {
    /// A statement of SeaORM: `Entity::insert(model)`, `Entity::update(model)`.
    pub fn query<Q>(label: impl Into<String>, query: Q) -> Self
    where
        Q: QueryTrait + Send + 'static,
    {
        Self {
            label: label.into(),
            build: Box::new(move |backend| query.build(backend)),
        }
    }

    /// A statement of sea-query.
    pub fn statement<S>(label: impl Into<String>, statement: S) -> Self
    where
        S: StatementBuilder + Send + 'static,
    {
        Self {
            label: label.into(),
            build: Box::new(move |backend| statement.build(&backend)),
        }
    }
}

impl fmt::Debug for PendingWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingWrite")
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

/// Runs the writes in order inside a savepoint: all of them, or none. Returns
/// the number of rows that they touched. Commits nothing.
///
/// # Errors
///
/// [`SafeFlushError::Write`] names the write that failed; the transaction is
/// usable as before the call. [`SafeFlushError::Transaction`]: the transaction
/// itself had failed or its savepoint did.
pub async fn safe_flush(
    txn: &mut Transaction<'_>,
    context: &'static str,
    writes: impl IntoIterator<Item = PendingWrite>,
) -> Result<u64, SafeFlushError> {
    let writes: Vec<PendingWrite> = writes.into_iter().collect();
    txn.savepoint(|savepoint| {
        Box::pin(async move {
            let mut rows = 0;
            for (index, write) in writes.into_iter().enumerate() {
                let statement = (write.build)(savepoint.get_database_backend());
                match savepoint.execute_raw(statement).await {
                    Ok(result) => rows += result.rows_affected(),
                    Err(source) => {
                        return Err(SafeFlushError::Write(FlushError {
                            context,
                            write: write.label,
                            index,
                            sqlstate: sql::sqlstate(&source),
                            constraint: sql::constraint(&source),
                            source,
                        }));
                    }
                }
            }
            Ok(rows)
        })
    })
    .await
}

/// Why [`safe_flush`] wrote nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SafeFlushError {
    /// One of the writes failed; the transaction goes on.
    #[error(transparent)]
    Write(#[from] FlushError),
    /// The transaction can only be rolled back.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
}
