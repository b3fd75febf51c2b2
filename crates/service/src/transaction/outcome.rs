use std::fmt;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

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
    /// It happened.
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
