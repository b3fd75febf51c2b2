use sea_orm::DbErr;

use super::TransactionId;
use crate::sql;

/// Why a transaction did not happen, or why nobody knows whether it did.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[must_use]
pub enum TransactionError {
    /// The transaction could not begin. Nothing was done.
    #[error("cannot begin the transaction `{context}`")]
    Begin {
        /// What the transaction was for.
        context: &'static str,
        /// What the database said.
        #[source]
        source: DbErr,
    },
    /// A statement of the transaction had failed, so it was rolled back instead
    /// of committed. Nothing was kept.
    #[error("the transaction `{context}` was rolled back, because an earlier statement had failed")]
    Aborted {
        /// What the transaction was for.
        context: &'static str,
        /// The first failure.
        #[source]
        source: DbErr,
    },
    /// The database refused the commit and rolled back. Nothing was kept.
    #[error("the database refused to commit the transaction `{context}`; it was rolled back")]
    Refused {
        /// What the transaction was for.
        context: &'static str,
        /// What the database said.
        #[source]
        source: DbErr,
    },
    /// The connection was lost while the commit was under way: it may have
    /// happened or not. [`transaction_outcome`](super::transaction_outcome)
    /// finds out by the id.
    #[error(
        "the connection was lost while the transaction `{context}` was being committed; whether it \
         was is unknown ({})", describe_id(.transaction_id.as_ref())
    )]
    OutcomeUnknown {
        /// What the transaction was for.
        context: &'static str,
        /// The id to ask with; `None` when the transaction wrote nothing, or
        /// the server does not tell where the rows went.
        transaction_id: Option<TransactionId>,
        /// What was seen of the loss.
        #[source]
        source: DbErr,
    },
    /// A statement that belongs to the transaction itself failed (a savepoint,
    /// a rollback).
    #[error("the transaction `{context}` failed")]
    Failed {
        /// What the transaction was for.
        context: &'static str,
        /// What the database said.
        #[source]
        source: DbErr,
    },
}

impl TransactionError {
    /// True when running the same transaction again may succeed. An unknown
    /// outcome is not retryable: it may have happened.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Begin { source, .. }
            | Self::Aborted { source, .. }
            | Self::Refused { source, .. }
            | Self::Failed { source, .. } => sql::is_retryable(source),
            Self::OutcomeUnknown { .. } => false,
        }
    }

    /// Whether the database could not be reached, before the transaction or
    /// during it.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Begin { source, .. }
            | Self::Aborted { source, .. }
            | Self::Refused { source, .. }
            | Self::Failed { source, .. } => sql::is_unreachable(source),
            Self::OutcomeUnknown { .. } => true,
        }
    }

    /// Whether the database would answer the same to the same transaction.
    pub(crate) fn is_refused(&self) -> bool {
        match self {
            Self::Begin { source, .. }
            | Self::Aborted { source, .. }
            | Self::Refused { source, .. }
            | Self::Failed { source, .. } => sql::is_refused(source),
            Self::OutcomeUnknown { .. } => false,
        }
    }

    /// Whether nobody knows if the transaction was committed.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::OutcomeUnknown { .. })
    }
}

fn describe_id(id: Option<&TransactionId>) -> String {
    match id {
        Some(id) => format!("transaction id {id}"),
        None => "it has no transaction id".to_owned(),
    }
}

/// Which of several pending writes failed, and why. The savepoint around them
/// is gone; the transaction goes on.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {write} in `{context}`{}", describe_code(.sqlstate.as_deref(), .constraint.as_deref()))]
#[non_exhaustive]
pub struct FlushError {
    /// What the flush was for.
    pub context: &'static str,
    /// The label of the write that failed.
    pub write: String,
    /// Its place among the writes, from 0.
    pub index: usize,
    /// SQLSTATE on PostgreSQL, extended result code on SQLite.
    pub sqlstate: Option<String>,
    /// The violated constraint, when it was one.
    pub constraint: Option<String>,
    /// What the database said.
    #[source]
    pub source: DbErr,
}

fn describe_code(sqlstate: Option<&str>, constraint: Option<&str>) -> String {
    match (sqlstate, constraint) {
        (Some(code), Some(constraint)) => format!(" ({code}, constraint {constraint})"),
        (Some(code), None) => format!(" ({code})"),
        _ => String::new(),
    }
}
