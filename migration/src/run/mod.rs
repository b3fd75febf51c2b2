//! Runs of the chain, with limits and guards.
//!
//! A run that has nothing to do only reads. Any other takes the lock of its
//! schema first, waiting for another run as long as that takes, and then waits
//! for locks on tables only as long as [`RunOptions`] say: behind a statement
//! that waits for a table, every later reader of the table waits too. It is one
//! transaction. What destroys data is refused on a protected database.
//!
//! [`Migrator`](crate::Migrator) does the same with the options that the
//! process's environment variables give.
//!
//! ```no_run
//! use std::time::Duration;
//! use outreach_migration::run::{self, RunOptions, Target};
//!
//! # async fn example(db: &sea_orm::DatabaseConnection) -> Result<(), run::RunError> {
//! let options = RunOptions::default()
//!     .lock_timeout(Duration::from_secs(2))
//!     .environment("staging");
//! for revision in run::up(db, Target::End, &options).await? {
//!     println!("applied {}", revision.name);
//! }
//! # Ok(())
//! # }
//! ```

mod all_schemas;
mod blockers;
mod error;
mod options;
mod session;
mod target;

use sea_orm::{ConnectionTrait, DatabaseExecutor, DatabaseTransaction, DbBackend, DbErr};
use sea_orm_migration::{IntoSchemaManagerConnection, MigrationStatus, MigratorTrait};
use tracing::info;

pub(crate) use self::{
    all_schemas::quote,
    session::{MissingSchema, milliseconds},
    target::revisions,
};
pub use self::{
    all_schemas::{SchemaOutcome, managed_schemas, up_all_schemas},
    blockers::{Blocker, blockers},
    error::RunError,
    options::{InvalidOption, RunOptions, environment, seconds},
    session::{begin, commit},
    target::{Direction, Target},
};
use crate::{
    Revision, checksums, ledger,
    migrator::Chain,
    properties::{self, PRODUCTION, Properties, Property},
};

/// Applies pending revisions, oldest first, and returns them. On PostgreSQL
/// creates the schema of the search path if it is not there. Commits.
pub async fn up<'c, C>(
    db: C,
    target: Target<'_>,
    options: &RunOptions,
) -> Result<Vec<Revision>, RunError>
where
    C: IntoSchemaManagerConnection<'c>,
{
    let db = db.into_database_executor();
    let outcome = match session::is_up_to_date(&db, target, options).await {
        Ok(true) => {
            info!("No pending migrations");
            return Ok(Vec::new());
        }
        Ok(false) => up_locked(&db, target, options).await,
        Err(error) => Err(error),
    };
    session::explain(&db, options, outcome).await
}

async fn up_locked(
    db: &DatabaseExecutor<'_>,
    target: Target<'_>,
    options: &RunOptions,
) -> Result<Vec<Revision>, RunError> {
    session::in_txn(db, MissingSchema::Create, options, async |txn| {
        let chain = ledger::status(txn).await?;
        let properties = properties::read(txn).await?;
        refuse_other_environment(&properties, options)?;
        let wanted = revisions(&chain, Direction::Up, target)?;
        let is_new = !properties::is_there(txn).await?;
        Chain::up(txn, steps(&wanted, &chain, MigrationStatus::Pending)).await?;
        if is_new && properties::is_there(txn).await? {
            keep(txn, &properties, options).await?;
        }
        Ok(wanted)
    })
    .await
}

/// Takes applied revisions back, newest first, and returns them. What they
/// created goes, with its rows. Commits; where there is nothing to take back it
/// only reads.
///
/// # Errors
///
/// As [`up`], and [`RunError::Protected`].
pub async fn down<'c, C>(
    db: C,
    target: Target<'_>,
    options: &RunOptions,
) -> Result<Vec<Revision>, RunError>
where
    C: IntoSchemaManagerConnection<'c>,
{
    const NOTHING: &str = "There is nothing to revert";
    let db = db.into_database_executor();
    let looked = session::has_nothing_to_revert(&db, target, options).await;
    if session::explain(&db, options, looked).await? {
        info!("{NOTHING}");
        return Ok(Vec::new());
    }
    destroy(
        db,
        "down",
        MissingSchema::Refuse,
        options,
        async |txn, _| {
            let chain = ledger::status(txn).await?;
            let wanted = revisions(&chain, Direction::Down, target)?;
            if wanted.is_empty() {
                // Another run has taken them back meanwhile.
                info!("{NOTHING}");
                return Ok(wanted);
            }
            Chain::down(txn, steps(&wanted, &chain, MigrationStatus::Applied)).await?;
            Ok(wanted)
        },
    )
    .await
}

/// Takes every revision back and applies the whole chain again: every row goes.
/// Environment and ignored tables are kept. Commits.
///
/// # Errors
///
/// As [`down`].
pub async fn refresh<'c, C>(db: C, options: &RunOptions) -> Result<(), RunError>
where
    C: IntoSchemaManagerConnection<'c>,
{
    destroy(
        db,
        "refresh",
        MissingSchema::Refuse,
        options,
        async |txn, properties| {
            ledger::status(txn).await?;
            Chain::refresh(txn).await?;
            keep(txn, &properties, options).await
        },
    )
    .await
}

/// Takes every revision back and drops the ledger: every row goes. Commits.
///
/// # Errors
///
/// As [`down`].
pub async fn reset<'c, C>(db: C, options: &RunOptions) -> Result<(), RunError>
where
    C: IntoSchemaManagerConnection<'c>,
{
    destroy(
        db,
        "reset",
        MissingSchema::Refuse,
        options,
        async |txn, _| {
            ledger::status(txn).await?;
            Ok(Chain::reset(txn).await?)
        },
    )
    .await
}

/// Drops every table of the schema, whoever made it, and applies the whole
/// chain: every row goes. The environment is kept. Commits.
///
/// # Errors
///
/// As [`down`], and where the ledger has revisions of another program, or is
/// empty beside tables that are there.
pub async fn fresh<'c, C>(db: C, options: &RunOptions) -> Result<(), RunError>
where
    C: IntoSchemaManagerConnection<'c>,
{
    destroy(
        db,
        "fresh",
        MissingSchema::Create,
        options,
        async |txn, mut properties| {
            refuse_what_is_not_ours(txn).await?;
            if txn.get_database_backend() == DbBackend::Sqlite {
                // SeaORM switches foreign keys off, which SQLite ignores inside a
                // transaction. Deferred, they are counted at the commit, when
                // every table is gone.
                txn.execute_unprepared("PRAGMA defer_foreign_keys = ON")
                    .await?;
            }
            Chain::fresh(txn).await?;
            properties.ignored_tables.clear();
            keep(txn, &properties, options).await
        },
    )
    .await
}

/// Whatever is in the ledger goes with the tables, but for another program's: a
/// ledger with revisions that nobody here knows, or none beside tables that
/// Alembic or `create_all` has made.
async fn refuse_what_is_not_ours(txn: &DatabaseTransaction) -> Result<(), RunError> {
    let applied = ledger::applied(txn).await?;
    ledger::refuse_unknown(&applied).map_err(DbErr::Migration)?;
    if !applied.is_empty() {
        return Ok(());
    }
    for table in ["jobs", "prospects", "email_logs"] {
        if ledger::table_exists(txn, table).await? {
            return Err(RunError::Database(DbErr::Migration(format!(
                "the table `{table}` exists, but the ledger `seaql_migrations` is empty: this \
                 database was not made by this chain. Nothing was changed; `outreach adopt` says \
                 what it is, and takes it over, `outreach reset` backs it up first"
            ))));
        }
    }
    Ok(())
}

async fn destroy<'c, C, F, T>(
    db: C,
    command: &'static str,
    missing: MissingSchema,
    options: &RunOptions,
    body: F,
) -> Result<T, RunError>
where
    C: IntoSchemaManagerConnection<'c>,
    F: AsyncFnOnce(&DatabaseTransaction, Properties) -> Result<T, RunError>,
{
    let db = db.into_database_executor();
    let outcome = session::in_txn(&db, missing, options, async |txn| {
        let properties = properties::read(txn).await?;
        refuse_other_environment(&properties, options)?;
        refuse_protected(&properties, command, options)?;
        body(txn, properties).await
    })
    .await;
    session::explain(&db, options, outcome).await
}

/// The URL of one environment with the settings of another is a mistake.
fn refuse_other_environment(properties: &Properties, options: &RunOptions) -> Result<(), RunError> {
    match (&properties.environment, &options.environment) {
        (Some(stored), Some(given)) if stored != given => Err(RunError::OtherEnvironment {
            stored: stored.clone(),
            given: given.clone(),
        }),
        _ => Ok(()),
    }
}

fn refuse_protected(
    properties: &Properties,
    command: &'static str,
    options: &RunOptions,
) -> Result<(), RunError> {
    let said = options.environment.as_deref() == Some(PRODUCTION);
    let reason = match properties.protection() {
        Some(protection) => protection.to_string(),
        // Nobody has stored it yet, and whoever runs this says so.
        None if said && properties.environment.is_none() => {
            "the environment that was given is `production`".to_owned()
        }
        None => return Ok(()),
    };
    Err(RunError::Protected { command, reason })
}

/// Stores what a new `database_properties` should say.
async fn keep(
    txn: &DatabaseTransaction,
    properties: &Properties,
    options: &RunOptions,
) -> Result<(), RunError> {
    let environment = properties.environment.as_ref();
    if let Some(environment) = environment.or(options.environment.as_ref()) {
        properties::set_in_txn(txn, Property::Environment, environment).await?;
    }
    for table in &properties.ignored_tables {
        properties::set_in_txn(txn, Property::IgnoredTable(table), "").await?;
    }
    Ok(())
}

/// SeaORM says "all" where no number is given.
fn steps(
    wanted: &[Revision],
    chain: &[ledger::RevisionStatus],
    status: MigrationStatus,
) -> Option<u32> {
    let all = chain.iter().filter(|one| one.status == status).count();
    (wanted.len() != all).then(|| u32::try_from(wanted.len()).unwrap_or(u32::MAX))
}

/// Whether the checksums agree with the ledger, so that nothing has to be
/// written.
async fn checksums_agree<C: ConnectionTrait>(db: &C) -> Result<bool, DbErr> {
    if !checksums::is_there(db).await? {
        return Ok(true);
    }
    let applied = ledger::applied(db).await?;
    Ok(checksums::recorded(db).await?.into_keys().eq(applied))
}
