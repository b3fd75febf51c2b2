//! The transaction of a run: its lock, its limits, and what its errors mean.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseExecutor, DatabaseTransaction, DbBackend, DbErr, TransactionTrait,
};

pub(crate) use crate::lock::MissingSchema;

use super::{Direction, RunError, RunOptions, Target, blockers, checksums_agree, error, revisions};
use crate::{checksums, ledger, lock, properties};

/// Begins a transaction that has the chain's lock of its schema and the limits
/// of `options`, for changes of the ledgers and the schema outside of a revision.
/// [`commit`] ends it; dropped, it changes nothing.
///
/// # Errors
///
/// Of the database, and where the schema of the search path is not there.
pub async fn begin(
    db: &DatabaseExecutor<'_>,
    options: &RunOptions,
) -> Result<DatabaseTransaction, RunError> {
    begin_with(db, MissingSchema::Refuse, options).await
}

async fn begin_with(
    db: &DatabaseExecutor<'_>,
    missing: MissingSchema,
    options: &RunOptions,
) -> Result<DatabaseTransaction, RunError> {
    let txn = lock::begin_locked(db, missing).await?;
    limit(&txn, options).await?;
    Ok(txn)
}

/// Brings the recorded checksums in line with the ledger, and commits.
///
/// # Errors
///
/// Of the database; [`RunError::UnknownOutcome`] when the connection was lost.
pub async fn commit(txn: DatabaseTransaction) -> Result<(), RunError> {
    checksums::keep(&txn).await?;
    txn.commit().await.map_err(error::of_commit)
}

/// Does `body` in a transaction with the chain's lock. After an error it is
/// rolled back before the caller hears of it, so that its locks are gone.
pub(super) async fn in_txn<F, T>(
    db: &DatabaseExecutor<'_>,
    missing: MissingSchema,
    options: &RunOptions,
    body: F,
) -> Result<T, RunError>
where
    F: AsyncFnOnce(&DatabaseTransaction) -> Result<T, RunError>,
{
    let txn = begin_with(db, missing, options).await?;
    match body(&txn).await {
        Ok(value) => {
            commit(txn).await?;
            Ok(value)
        }
        Err(error) => {
            // The first error says more than one of its rollback.
            let _ = txn.rollback().await;
            Err(error)
        }
    }
}

/// Whether there is nothing to do. Takes no lock but for reading the ledgers.
pub(super) async fn is_up_to_date(
    db: &DatabaseExecutor<'_>,
    target: Target<'_>,
    options: &RunOptions,
) -> Result<bool, RunError> {
    look(db, options, async |txn| {
        // The ledger of a schema that is not there is empty.
        let chain = ledger::status(txn).await?;
        super::refuse_other_environment(&properties::read(txn).await?, options)?;
        let pending = revisions(&chain, Direction::Up, target)?;
        let has_ledger = ledger::table_exists(txn, "seaql_migrations").await?;
        Ok(has_ledger && pending.is_empty() && checksums_agree(txn).await?)
    })
    .await
}

/// Whether there is no revision to take back, in a schema that is there. Refuses
/// what the run would be refused with. Takes no lock but for reading the ledgers.
pub(super) async fn has_nothing_to_revert(
    db: &DatabaseExecutor<'_>,
    target: Target<'_>,
    options: &RunOptions,
) -> Result<bool, RunError> {
    look(db, options, async |txn| {
        let properties = properties::read(txn).await?;
        super::refuse_other_environment(&properties, options)?;
        super::refuse_protected(&properties, "down", options)?;
        let chain = ledger::status(txn).await?;
        let applied = revisions(&chain, Direction::Down, target)?;
        Ok(applied.is_empty() && lock::has_schema(txn).await?)
    })
    .await
}

/// Asks in a transaction that is rolled back; `false` where another run is in the
/// middle of it.
async fn look<F>(
    db: &DatabaseExecutor<'_>,
    options: &RunOptions,
    question: F,
) -> Result<bool, RunError>
where
    F: AsyncFnOnce(&DatabaseTransaction) -> Result<bool, RunError>,
{
    let txn = db.begin().await?;
    let looked = async {
        limit(&txn, options).await?;
        question(&txn).await
    }
    .await;
    match looked {
        Ok(done) => {
            txn.rollback().await?;
            Ok(done)
        }
        // Another run holds a table, or has dropped one between two statements:
        // behind its lock all of it is looked at again.
        Err(RunError::Database(error)) if is_of_another_run(&error) => {
            txn.rollback().await?;
            Ok(false)
        }
        Err(error) => {
            let _ = txn.rollback().await;
            Err(error)
        }
    }
}

/// A lock that was not to be had in time, and a table that is gone.
fn is_of_another_run(error: &DbErr) -> bool {
    matches!(error::code(error).as_deref(), Some("55P03" | "42P01"))
}

async fn limit(txn: &DatabaseTransaction, options: &RunOptions) -> Result<(), DbErr> {
    if txn.get_database_backend() == DbBackend::Postgres {
        txn.execute_unprepared(&format!(
            "SET LOCAL lock_timeout = {}; SET LOCAL statement_timeout = {}",
            milliseconds(options.lock_timeout),
            milliseconds(options.statement_timeout),
        ))
        .await?;
    }
    Ok(())
}

/// PostgreSQL takes zero for no limit, so a limit below a millisecond is one.
pub(crate) fn milliseconds(time: Duration) -> i32 {
    let whole = i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
    whole.max(i32::from(!time.is_zero()))
}

/// Says what a time-out means, and who was in the way.
pub(super) async fn explain<T>(
    db: &DatabaseExecutor<'_>,
    options: &RunOptions,
    outcome: Result<T, RunError>,
) -> Result<T, RunError> {
    let source = match outcome {
        Err(RunError::Database(source)) => source,
        outcome => return outcome,
    };
    Err(match error::code(&source).as_deref() {
        Some("55P03") => RunError::Locked {
            waited: options.lock_timeout,
            // Who can't be asked for is not named; that is no reason to hide
            // what happened.
            blockers: blockers(db).await.unwrap_or_default(),
            source,
        },
        Some("57014") => RunError::TookTooLong {
            limit: options.statement_timeout,
            source,
        },
        Some(code) if is_busy(db, code) => RunError::Busy(source),
        _ => RunError::Database(source),
    })
}

/// The primary result code is in the low byte of SQLite's extended ones.
fn is_busy(db: &DatabaseExecutor<'_>, code: &str) -> bool {
    db.get_database_backend() == DbBackend::Sqlite
        && code
            .parse::<u32>()
            .is_ok_and(|code| matches!(code & 0xff, 5 | 6))
}
