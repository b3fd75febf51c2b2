//! SeaORM's migrator with what it lacks: a lock, one transaction for a run, a
//! look at the ledger before anything is changed, limits and guards. What it
//! does is in [`run`].

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::{IntoSchemaManagerConnection, MigrationTrait, MigratorTrait};
use tracing::info;

use crate::{
    ledger,
    run::{self, RunError, RunOptions, Target},
};

/// The chain and its commands.
///
/// Each of `up`, `down`, `fresh`, `refresh` and `reset` takes a lock first and
/// is one transaction as a whole: two at the same moment run one after the
/// other and both end well, and a run that dies leaves what was there before.
/// `status` only reads.
///
/// `down`, `fresh`, `refresh` and `reset` are refused on a protected database.
/// The options of a run are those of the process's environment variables:
/// [`RunOptions::from_environment`].
///
/// On PostgreSQL `up` and `fresh` create the schema of the connection's search
/// path if it is not there yet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Migrator;

/// The chain with SeaORM's own commands, which [`Migrator`] calls inside its
/// transaction.
pub(crate) struct Chain;

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
            Box::new(crate::m20260101_000005_job_run_claims::Migration),
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
        run::up(db, target(steps), &options()?).await?;
        Ok(())
    }

    async fn down<'c, C>(db: C, steps: Option<u32>) -> Result<(), DbErr>
    where
        C: IntoSchemaManagerConnection<'c>,
    {
        run::down(db, target(steps), &options()?).await?;
        Ok(())
    }

    async fn refresh<'c, C>(db: C) -> Result<(), DbErr>
    where
        C: IntoSchemaManagerConnection<'c>,
    {
        Ok(run::refresh(db, &options()?).await?)
    }

    async fn reset<'c, C>(db: C) -> Result<(), DbErr>
    where
        C: IntoSchemaManagerConnection<'c>,
    {
        Ok(run::reset(db, &options()?).await?)
    }

    async fn fresh<'c, C>(db: C) -> Result<(), DbErr>
    where
        C: IntoSchemaManagerConnection<'c>,
    {
        Ok(run::fresh(db, &options()?).await?)
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

fn options() -> Result<RunOptions, RunError> {
    Ok(RunOptions::from_environment()?)
}

fn target(steps: Option<u32>) -> Target<'static> {
    steps.map_or(Target::End, Target::Steps)
}
