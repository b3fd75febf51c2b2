//! What a run would do, found out by reading.

use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    TransactionOptions, TransactionTrait,
};
use sea_orm_migration::SchemaManager;
use serde::Serialize;

use crate::{
    REVISIONS, Revision, duplicates, ledger,
    m20251201_000001_000000000000_create_base_tables::refuse_foreign_tables,
    properties,
    run::{Direction, RunError, Target, revisions},
    scripts::{self, NotRecorded, RecordedStatement},
};

const UNIQUE: &str = "m20260101_000001_unique_prospect_domain_and_discovery_query";

/// What a run would do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// Which way it would go.
    pub direction: Direction,
    /// The newest revision that is applied.
    pub current: Option<Revision>,
    /// What it would go through, in its order; empty when there is nothing to do.
    pub steps: Vec<PlannedRevision>,
    /// Why it would be refused, if it goes down on a protected database.
    pub protected: Option<String>,
    /// Whether `alembic_version` is there and would move along.
    pub moves_alembic: bool,
}

/// One revision of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedRevision {
    /// The revision.
    pub revision: Revision,
    /// What it sends, with locks and rewrites.
    pub statements: Vec<RecordedStatement>,
    /// What it would do to rows.
    pub rows: Vec<RowChange>,
}

/// Rows that a revision would merge or put back, beside its statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RowChange {
    /// The table.
    pub table: &'static str,
    /// `merged` into others and kept in `merged_rows`, or `restored` from there.
    pub change: &'static str,
    /// How many.
    pub rows: u64,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The ledger is not one that the chain goes on from, it is empty beside
    /// tables that are there, or the target does not lie in this direction: what
    /// the run itself would be refused with.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A revision has no record.
    #[error(transparent)]
    NotRecorded(#[from] NotRecorded),
    /// The database could not be read.
    #[error("the database can't be read")]
    Database(#[from] DbErr),
}

/// What [`run::up`](crate::run::up) or [`run::down`](crate::run::down) would do.
/// Writes nothing: on PostgreSQL in a read-only transaction. Rows are counted as
/// they are now.
///
/// ```no_run
/// use outreach_migration::{plan::plan, run::{Direction, Target}};
///
/// # async fn example(db: &sea_orm::DatabaseConnection) -> Result<(), Box<dyn std::error::Error>> {
/// for step in plan(db, Direction::Up, Target::End).await?.steps {
///     println!("{}: {} statements", step.revision.name, step.statements.len());
/// }
/// # Ok(())
/// # }
/// ```
pub async fn plan(
    db: &DatabaseConnection,
    direction: Direction,
    target: Target<'_>,
) -> Result<Plan, PlanError> {
    let is_postgres = db.get_database_backend() == DbBackend::Postgres;
    let txn = db
        .begin_with_options(TransactionOptions {
            access_mode: is_postgres.then_some(AccessMode::ReadOnly),
            ..TransactionOptions::default()
        })
        .await?;
    let plan = read(&txn, direction, target).await;
    let _ = txn.rollback().await;
    plan
}

async fn read(
    db: &DatabaseTransaction,
    direction: Direction,
    target: Target<'_>,
) -> Result<Plan, PlanError> {
    let chain = ledger::status(db).await.map_err(RunError::Database)?;
    let properties = properties::read(db).await?;
    let mut steps = Vec::new();
    let wanted = revisions(&chain, direction, target)?;
    if direction == Direction::Up && wanted.first() == REVISIONS.first() {
        let refused = refuse_foreign_tables(&SchemaManager::new(db)).await;
        refused.map_err(RunError::Database)?;
    }
    for revision in wanted {
        let record = scripts::recorded(db.get_database_backend(), &revision)?;
        steps.push(PlannedRevision {
            revision,
            statements: record.of(direction).to_vec(),
            rows: row_changes(db, &revision, direction).await?,
        });
    }
    let protection = properties.protection().map(|why| why.to_string());
    Ok(Plan {
        direction,
        current: ledger::newest(&chain),
        moves_alembic: steps.iter().any(|step| step.revision.alembic.is_some())
            && ledger::alembic(db).await?.is_some(),
        protected: protection.filter(|_| direction == Direction::Down),
        steps,
    })
}

/// What a revision would do to the rows that are there now, beside its
/// statements. Reads only: the tables that it merges, each as a whole.
///
/// # Errors
///
/// Of the database.
pub async fn row_changes<C: ConnectionTrait>(
    db: &C,
    revision: &Revision,
    direction: Direction,
) -> Result<Vec<RowChange>, DbErr> {
    if revision.name != UNIQUE {
        return Ok(Vec::new());
    }
    let (change, counts) = match direction {
        Direction::Up => ("merged", duplicates::count(db).await?),
        Direction::Down => ("restored", duplicates::count_merged(db).await?),
    };
    let rows = counts.into_iter().filter(|(_, rows)| *rows > 0);
    Ok(rows
        .map(|(table, rows)| RowChange {
            table,
            change,
            rows,
        })
        .collect())
}
