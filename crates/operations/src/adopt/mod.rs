//! Makes an existing database a managed one: recognises what it is, plans how it
//! gets to the newest revision, and carries the plan out in one transaction
//! after a backup, without losing a row.
//!
//! | file | holds |
//! | --- | --- |
//! | `look` | what is there: tables, ledgers, what depends on them |
//! | `recognise` | which revision that is, or which it is nearest to |
//! | `plan` | what is recorded, what is run, what stands against it |
//! | `judge` | which differences can be mended without a loss |
//! | `carry_out` | the backup and the transaction |
//! | `rows` | what is counted and hashed before and after |
//!
//! [`recognise`](fn@recognise) and [`plan`](fn@plan) only read: a read-only
//! session and a role with SELECT are enough. What is recognised is the
//! definition of the tables, never a name in a ledger alone; a ledger that says
//! something else is a conflict.
//!
//! ```no_run
//! use outreach_operations::adopt::{self, Adoption};
//! use outreach_service::connect::{DatabaseOptions, open};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let options = DatabaseOptions::new("postgres://outreach:secret@localhost/outreach")?;
//! let plan = adopt::plan(&open(&options).await?).await?;
//! for conflict in &plan.conflicts {
//!     println!("{}: {}", conflict.object, conflict.reason);
//! }
//! let adoption = Adoption::new("backups");
//! let report = adopt::carry_out(&options, &plan, &adoption, &|step| println!("{step}")).await?;
//! assert!(report.tables.iter().all(|table| table.is_complete()));
//! # Ok(())
//! # }
//! ```

mod carry_out;
mod create_all;
mod error;
mod judge;
mod look;
mod plan;
mod probe;
mod recognise;
mod report;
mod rows;
mod saved;
mod session;
mod work;

pub use carry_out::{Adoption, Progress, carry_out};
pub use error::AdoptError;
pub use look::set_aside;
pub use plan::{Action, Conflict, Dropped, Fill, Plan, Step};
pub use recognise::{Recognition, State};
pub use report::{Report, TableReport};
use sea_orm::{
    AccessMode, DatabaseConnection, DatabaseTransaction, DbBackend, IsolationLevel,
    TransactionOptions, TransactionTrait,
};

use self::look::Observed;

/// Says what the database is. Reads only, in a transaction of its own that is
/// read-only and repeatable on PostgreSQL; looks at the connection's current
/// schema.
///
/// # Errors
///
/// [`AdoptError`] if it could not be looked at. A database that nobody knows is
/// no error but [`State::Unknown`].
pub async fn recognise(db: &DatabaseConnection) -> Result<Recognition, AdoptError> {
    let txn = begin_reading(db).await?;
    let observed = Observed::read(&txn).await?;
    let recognition = recognise::recognise(&observed)?;
    txn.rollback().await.map_err(AdoptError::read)?;
    Ok(recognition)
}

/// Plans how the database gets to the newest revision. Reads only, as
/// [`recognise`](fn@recognise); counts the rows that a repair would touch and
/// those that a revision would merge, which reads the tables that differ and those
/// that are merged.
///
/// # Errors
///
/// [`AdoptError`] if it could not be looked at. A database that can't be adopted
/// is no error but a plan with [conflicts](Plan::conflicts).
pub async fn plan(db: &DatabaseConnection) -> Result<Plan, AdoptError> {
    let txn = begin_reading(db).await?;
    let plan = plan_in_txn(&txn).await?.plan;
    txn.rollback().await.map_err(AdoptError::read)?;
    Ok(plan)
}

/// As [`plan`](fn@plan), with what it was made from.
async fn plan_in_txn(txn: &DatabaseTransaction) -> Result<plan::Made, AdoptError> {
    let observed = Observed::read(txn).await?;
    let recognition = recognise::recognise(&observed)?;
    plan::make(txn, observed, recognition).await
}

async fn begin_reading(db: &DatabaseConnection) -> Result<DatabaseTransaction, AdoptError> {
    let options = match db.get_database_backend() {
        DbBackend::Postgres => TransactionOptions {
            isolation_level: Some(IsolationLevel::RepeatableRead),
            access_mode: Some(AccessMode::ReadOnly),
            ..TransactionOptions::default()
        },
        _ => TransactionOptions::default(),
    };
    let begun = db.begin_with_options(options).await;
    begun.map_err(AdoptError::read)
}
