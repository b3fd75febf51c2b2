use std::{fmt, time::Duration};

use backon::{ExponentialBuilder, Retryable};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::TransactionError;

/// PostgreSQL's id of a transaction that wrote something; 64 bits, never used
/// again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TransactionId(u64);

impl TransactionId {
    pub(super) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// The number, as `pg_xact_status` takes it.
    #[must_use]
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It happened, unless the server crashed meanwhile: a crash forgets ids
    /// that had not reached the server's log, and another transaction may have
    /// been given this one since. Look for what the transaction wrote.
    Committed,
    /// It did not happen.
    RolledBack,
    /// It is still under way; ask again.
    InProgress,
    /// It is so long ago that the server has forgotten.
    Forgotten,
}

/// Asks the server what became of a transaction whose commit was cut off.
/// PostgreSQL only, on any connection to the same server.
pub async fn transaction_outcome<C: ConnectionTrait>(
    db: &C,
    id: TransactionId,
) -> Result<Outcome, DbErr> {
    let row = db
        .query_one_raw(Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT pg_xact_status($1::xid8) AS status",
            [id.to_string().into()],
        ))
        .await?;
    let status: Option<String> = match row {
        Some(row) => row.try_get("", "status")?,
        None => None,
    };
    match status.as_deref() {
        Some("committed") => Ok(Outcome::Committed),
        Some("aborted") => Ok(Outcome::RolledBack),
        Some("in progress") => Ok(Outcome::InProgress),
        None => Ok(Outcome::Forgotten),
        Some(other) => Err(DbErr::Custom(format!(
            "pg_xact_status answered `{other}` for transaction {id}"
        ))),
    }
}

/// Asks what became of a transaction after [`TransactionError::OutcomeUnknown`],
/// for up to some seconds while the server comes back or the transaction is
/// still under way. `None` for other errors, and when no answer is to be had.
pub async fn settle_unknown_outcome<C: ConnectionTrait>(
    db: &C,
    error: &TransactionError,
) -> Option<Outcome> {
    let TransactionError::OutcomeUnknown {
        transaction_id: Some(id),
        ..
    } = error
    else {
        return None;
    };
    let ask = || async {
        match transaction_outcome(db, *id).await? {
            Outcome::InProgress => Err(DbErr::Custom(format!(
                "transaction {id} is still under way"
            ))),
            outcome => Ok(outcome),
        }
    };
    let patience = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(1))
        .with_max_times(10);
    match ask.retry(patience).await {
        Ok(Outcome::Forgotten) | Err(_) => None,
        Ok(outcome) => Some(outcome),
    }
}
