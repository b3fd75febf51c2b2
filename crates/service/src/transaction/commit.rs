use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::{Transaction, TransactionError, TransactionId};
use crate::sql;

/// Commits `txn`, or says in which way it did not.
///
/// PostgreSQL answers COMMIT of an aborted transaction with success and keeps
/// nothing, so the transaction is proved alive first; the same round trip
/// brings the id that an unknown outcome is looked up by. A transaction in
/// which a statement failed is rolled back on both databases, also when the
/// caller swallowed the error.
///
/// # Errors
///
/// [`TransactionError::Aborted`] and [`TransactionError::Refused`]: nothing was
/// kept. [`TransactionError::OutcomeUnknown`]: the connection was lost while
/// COMMIT was under way.
pub async fn safe_commit(
    txn: Transaction<'static>,
    context: &'static str,
) -> Result<(), TransactionError> {
    commit(txn, context).await
}

pub(super) async fn commit(
    txn: Transaction<'_>,
    context: &'static str,
) -> Result<(), TransactionError> {
    if let Some(source) = txn.failure() {
        return Err(abort(txn, context, source).await);
    }
    let transaction_id = if txn.get_database_backend() == DbBackend::Postgres {
        match assigned_id(&txn).await {
            Ok(id) => id,
            Err(source) => return Err(abort(txn, context, source).await),
        }
    } else {
        None
    };
    let Some(owned) = txn.into_owned() else {
        // Lent: the application commits it.
        return Ok(());
    };
    match owned.commit().await {
        Ok(()) => Ok(()),
        Err(source) if sql::is_connection_lost(&source) => Err(TransactionError::OutcomeUnknown {
            context,
            transaction_id,
            source,
        }),
        Err(source) => Err(TransactionError::Refused { context, source }),
    }
}

async fn abort(txn: Transaction<'_>, context: &'static str, source: DbErr) -> TransactionError {
    if let Err(error) = txn.roll_back().await {
        // The connection is gone or going, and the server rolls back with it.
        tracing::debug!(%error, context, "rollback failed");
    }
    TransactionError::Aborted { context, source }
}

async fn assigned_id(txn: &Transaction<'_>) -> Result<Option<TransactionId>, DbErr> {
    let row = txn
        .query_one_raw(Statement::from_string(
            DbBackend::Postgres,
            "SELECT pg_current_xact_id_if_assigned()::text AS id",
        ))
        .await?;
    let id: Option<String> = match row {
        Some(row) => row.try_get("", "id")?,
        None => None,
    };
    Ok(id.as_deref().and_then(TransactionId::parse))
}
