//! Gives `job_runs` what workers claim by: the job's type, a time limit, the
//! errors of earlier attempts, and indexes that hold only the rows a statement
//! looks for.
//!
//! Waiting rows have no token, claimed ones a lease; a job's run is in one of
//! the two indexes and never in both. The order of the first is that of a
//! claim, for each type of jobs, so that jobs which nobody works on are not
//! walked over.
//!
//! A cancelled job loses its row, so `cancel_requested_at` is written by nobody;
//! it stays, because a column that is dropped does not come back in its place.

use sea_orm_migration::{prelude::*, schema::*};

use crate::column::now;

const CLAIMABLE: &str = "ix_job_runs_job_type_priority_run_at_job_id";
const LEASES: &str = "ix_job_runs_lease_expires_at";

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["ix_job_runs_priority_run_at_job_id", LEASES] {
            drop_index(manager, name).await?;
        }
        // Only discoveries were enqueued before this revision.
        add_column(manager, string("job_type").default("discover").take()).await?;
        add_column(manager, integer_null("time_limit_seconds")).await?;
        add_column(manager, json_null("errors")).await?;
        fill(manager).await?;
        manager
            .create_index(
                Index::create()
                    .name(CLAIMABLE)
                    .table("job_runs")
                    .col("job_type")
                    .col("priority")
                    .col("run_at")
                    .col("job_id")
                    .and_where(Expr::col("run_token").is_null())
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name(LEASES)
                    .table("job_runs")
                    .col("lease_expires_at")
                    .and_where(Expr::col("lease_expires_at").is_not_null())
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in [CLAIMABLE, LEASES] {
            drop_index(manager, name).await?;
        }
        for column in ["errors", "time_limit_seconds", "job_type"] {
            drop_column(manager, column).await?;
        }
        manager
            .create_index(
                Index::create()
                    .name("ix_job_runs_priority_run_at_job_id")
                    .table("job_runs")
                    .col("priority")
                    .col("run_at")
                    .col("job_id")
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name(LEASES)
                    .table("job_runs")
                    .col("lease_expires_at")
                    .to_owned(),
            )
            .await
    }
}

/// A run that was under way had no lease and would stay claimed for ever; the
/// earlier version gave a job one attempt, which is given back.
async fn fill(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let job_type = Query::select()
        .column(("jobs", "job_type"))
        .from("jobs")
        .and_where(Expr::col(("jobs", "id")).equals(("job_runs", "job_id")))
        .take();
    manager
        .execute(
            Query::update()
                .table("job_runs")
                .value("job_type", Expr::SubQuery(None, Box::new(job_type.into())))
                .to_owned(),
        )
        .await?;
    manager
        .execute(
            Query::update()
                .table("job_runs")
                .value("lease_expires_at", now(manager.get_database_backend()))
                .value("attempts", 0)
                .and_where(Expr::col("run_token").is_not_null())
                .to_owned(),
        )
        .await
}

async fn add_column(manager: &SchemaManager<'_>, column: ColumnDef) -> Result<(), DbErr> {
    manager
        .alter_table(
            Table::alter()
                .table("job_runs")
                .add_column(column)
                .to_owned(),
        )
        .await
}

async fn drop_column(manager: &SchemaManager<'_>, name: &'static str) -> Result<(), DbErr> {
    manager
        .alter_table(
            Table::alter()
                .table("job_runs")
                .drop_column(name)
                .to_owned(),
        )
        .await
}

async fn drop_index(manager: &SchemaManager<'_>, name: &'static str) -> Result<(), DbErr> {
    manager
        .drop_index(Index::drop().name(name).to_owned())
        .await
}
