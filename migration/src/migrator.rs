//! SeaORM's migrator with what it lacks: a lock, one transaction for a run, and
//! a look at the ledger before anything is changed.

use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DatabaseExecutor, DatabaseTransaction, DbBackend, DbErr, RuntimeErr,
};
use sea_orm_migration::{IntoSchemaManagerConnection, MigrationTrait, MigratorTrait};
use tracing::info;

use crate::{checksums, ledger, lock};

/// The chain and its commands.
///
/// Each of `up`, `down`, `fresh`, `refresh` and `reset` takes a lock first and
/// is one transaction as a whole: two at the same moment run one after the
/// other and both end well, and a run that dies leaves what was there before.
/// `status` only reads.
///
/// On PostgreSQL `up` and `fresh` create the schema of the connection's search
/// path if it is not there yet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Migrator;

/// The chain with SeaORM's own commands, which [`Migrator`] calls inside its
/// transaction.
struct Chain;

impl MigratorTrait for Chain {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(crate::m20251201_000001_000000000000_create_base_tables::Migration),
            Box::new(crate::m20251201_000002_4b9608290b5d_add_settings_table::Migration),
            Box::new(crate::m20251201_000003_add_discovery_query_table::Migration),
            Box::new(
                crate::m20251201_000004_556b79de2825_add_discovery_query_id_to_prospects::Migration,
            ),
            Box::new(crate::m20260101_000001_unique_prospect_domain_and_discovery_query::Migration),
            Box::new(crate::m20260101_000002_create_job_runs::Migration),
            Box::new(crate::m20260101_000003_create_revision_checksums::Migration),
            Box::new(crate::m20260101_000004_create_database_properties::Migration),
        ]
    }
}

#[async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        Chain::migrations()
    }

    async fn up<'c, C>(db: C, steps: Option<u32>) -> Result<(), DbErr>
    where
        C: IntoSchemaManagerConnection<'c>,
    {
        let txn = begin(db, lock::MissingSchema::Create).await?;
        Chain::up(&txn, steps).await?;
        commit(txn).await
    }

    async fn down<'c, C>(db: C, steps: Option<u32>) -> Result<(), DbErr>
    where
        C: IntoSchemaManagerConnection<'c>,
    {
        let txn = begin(db, lock::MissingSchema::Refuse).await?;
        Chain::down(&txn, steps).await?;
        commit(txn).await
    }

    async fn refresh<'c, C>(db: C) -> Result<(), DbErr>
    where
        C: IntoSchemaManagerConnection<'c>,
    {
        let txn = begin(db, lock::MissingSchema::Refuse).await?;
        Chain::refresh(&txn).await?;
        commit(txn).await
    }

    async fn reset<'c, C>(db: C) -> Result<(), DbErr>
    where
        C: IntoSchemaManagerConnection<'c>,
    {
        let txn = begin(db, lock::MissingSchema::Refuse).await?;
        Chain::reset(&txn).await?;
        commit(txn).await
    }

    async fn fresh<'c, C>(db: C) -> Result<(), DbErr>
    where
        C: IntoSchemaManagerConnection<'c>,
    {
        // The ledger is not looked at: what it says goes with the tables.
        let txn =
            lock::begin_locked(&db.into_database_executor(), lock::MissingSchema::Create).await?;
        if txn.get_database_backend() == DbBackend::Sqlite {
            // SeaORM switches foreign keys off, which SQLite ignores inside a
            // transaction. Deferred, they are counted at the commit, when every
            // table is gone.
            txn.execute_unprepared("PRAGMA defer_foreign_keys = ON")
                .await?;
        }
        Chain::fresh(&txn).await?;
        commit(txn).await
    }

    async fn status<C>(db: &C) -> Result<(), DbErr>
    where
        C: ConnectionTrait,
    {
        info!("Checking migration status");
        for migration in ledger::status(db).await? {
            info!(
                "Migration '{}'... {}",
                migration.revision.name, migration.status
            );
        }
        Ok(())
    }

    async fn get_migration_models<C>(
        db: &C,
    ) -> Result<Vec<sea_orm_migration::seaql_migrations::Model>, DbErr>
    where
        C: ConnectionTrait,
    {
        Chain::get_migration_models(db).await
    }
}

async fn begin<'c, C>(db: C, missing: lock::MissingSchema) -> Result<DatabaseTransaction, DbErr>
where
    C: IntoSchemaManagerConnection<'c>,
{
    let db: DatabaseExecutor<'c> = db.into_database_executor();
    let txn = lock::begin_locked(&db, missing).await?;
    ledger::status(&txn).await?;
    Ok(txn)
}

/// Begins the text of the error that [`is_unknown_outcome`] knows; SeaORM's
/// trait leaves no room for an error of our own.
const COMMIT_NOT_ANSWERED: &str = "COMMIT was not answered";

async fn commit(txn: DatabaseTransaction) -> Result<(), DbErr> {
    checksums::keep(&txn).await?;
    txn.commit().await.map_err(|error| match &error {
        DbErr::Exec(RuntimeErr::SqlxError(source))
        | DbErr::Query(RuntimeErr::SqlxError(source))
        | DbErr::Conn(RuntimeErr::SqlxError(source))
            if source
                .as_database_error()
                .is_none_or(|error| error.code().is_some_and(|code| is_disconnect(&code))) =>
        {
            DbErr::Migration(format!("{COMMIT_NOT_ANSWERED}: {source}"))
        }
        _ => error,
    })
}

/// The server says that it goes away, which it may do after it has committed.
fn is_disconnect(sqlstate: &str) -> bool {
    sqlstate.len() == 5
        && (sqlstate.starts_with("08") || matches!(sqlstate, "57P01" | "57P02" | "57P03"))
}

/// Whether a run failed in a way that leaves open whether it was done.
pub(crate) fn is_unknown_outcome(error: &DbErr) -> bool {
    matches!(error, DbErr::Migration(text) if text.starts_with(COMMIT_NOT_ANSWERED))
}
