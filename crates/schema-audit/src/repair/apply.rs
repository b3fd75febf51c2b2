//! Runs a plan.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, TransactionTrait};

use super::Plan;

/// How a plan is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyOptions {
    /// How long a statement waits for a lock before the whole repair is given up
    /// (PostgreSQL). While it waits, everybody else who wants the table waits
    /// behind it.
    pub lock_timeout: Duration,
}

impl Default for ApplyOptions {
    /// Five seconds.
    fn default() -> Self {
        Self {
            lock_timeout: Duration::from_secs(5),
        }
    }
}

/// Why a plan could not be run. Nothing of it is kept then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// A statement failed.
    #[error("the repair failed at `{statement}`; nothing was changed")]
    Statement {
        /// The statement.
        statement: String,
        /// The findings that it mends.
        mends: Vec<String>,
        /// What the database says.
        source: DbErr,
    },
    /// The transaction could not begin, or not be prepared.
    #[error("the repair could not begin")]
    Begin {
        /// What the database says.
        source: DbErr,
    },
    /// The commit failed: a deferred constraint is broken, or the connection was
    /// lost and the outcome is not known.
    #[error("the repair could not be committed")]
    Commit {
        /// What the database says.
        source: DbErr,
    },
    /// Rows would point to nothing (SQLite, where keys are not enforced while
    /// tables are built anew).
    #[error(
        "{count} rows of `{table}` would point to rows that are not there; nothing was changed: \
         mend or delete those rows first"
    )]
    Orphans {
        /// The table whose rows would point to nothing.
        table: String,
        /// How many more of them than before.
        count: i64,
    },
    /// A view would not work any more (SQLite).
    #[error("the view `{view}` would not work any more; nothing was changed: change it first")]
    View {
        /// The view.
        view: String,
        /// What the database says of it.
        source: DbErr,
    },
    /// A trigger would not work any more (SQLite).
    #[error("a trigger of `{table}` would not work any more; nothing was changed: change it first")]
    Trigger {
        /// The table or view that it belongs to.
        table: String,
        /// What the database says of it.
        source: DbErr,
    },
    /// A plan for the other kind of database, or for one that has no repairs.
    #[error("the plan cannot be run on this kind of database")]
    Unsupported,
}

/// Runs what is not left out of a plan, in one transaction. Commits.
///
/// # Errors
///
/// [`ApplyError`] names the statement that failed; nothing is changed then.
pub async fn apply(
    db: &DatabaseConnection,
    plan: &Plan,
    options: &ApplyOptions,
) -> Result<(), ApplyError> {
    match db.get_database_backend() {
        DbBackend::Postgres => in_postgres(db, plan, options).await,
        DbBackend::Sqlite => super::sqlite::apply(db, plan).await,
        _ => Err(ApplyError::Unsupported),
    }
}

async fn in_postgres(
    db: &DatabaseConnection,
    plan: &Plan,
    options: &ApplyOptions,
) -> Result<(), ApplyError> {
    let begin = |source| ApplyError::Begin { source };
    let txn = db.begin().await.map_err(begin)?;
    let milliseconds = options.lock_timeout.as_millis();
    let settings = format!("SET LOCAL lock_timeout = {milliseconds}");
    txn.execute_unprepared(&settings).await.map_err(begin)?;
    if let Some(path) = &plan.search_path {
        let settings = format!("SET LOCAL search_path = {path}");
        txn.execute_unprepared(&settings).await.map_err(begin)?;
    }
    // Rows are filled and tables altered in one transaction, which PostgreSQL
    // refuses while a deferred check of those rows is still to come.
    let immediate = "SET CONSTRAINTS ALL IMMEDIATE";
    txn.execute_unprepared(immediate).await.map_err(begin)?;
    for statement in plan.statements.iter().filter(|s| !s.left_out) {
        let ran = txn.execute_unprepared(&statement.sql).await;
        ran.map_err(|source| ApplyError::Statement {
            statement: statement.sql.clone(),
            mends: statement.mends.clone(),
            source,
        })?;
    }
    let commit = |source| ApplyError::Commit { source };
    txn.commit().await.map_err(commit)
}
