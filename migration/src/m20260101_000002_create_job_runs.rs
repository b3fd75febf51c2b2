//! Creates `job_runs`: one row for each job that can still be claimed, deleted
//! when the job ends.
//!
//! `jobs` stays the users' record; what workers write many times a minute
//! (lease, attempts, progress) lives here, in a table that stays small.
//! Every transaction of a run begins by proving `run_token`.

use sea_orm_migration::{prelude::*, schema::*};

use crate::column::required_time_default_now;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        manager
            .create_table(
                Table::create()
                    .table("job_runs")
                    .col(pk_uuid("job_id"))
                    .col(uuid_null("run_token"))
                    .col(integer("attempts").default(0))
                    .col(integer("max_attempts").default(1))
                    .col(small_integer("priority").default(0))
                    .col(required_time_default_now("run_at", backend))
                    .col(string_null("owner"))
                    .col(timestamp_with_time_zone_null("lease_expires_at"))
                    .col(timestamp_with_time_zone_null("cancel_requested_at"))
                    .col(timestamp_with_time_zone_null("deadline_at"))
                    .col(string_null("unique_key"))
                    .col(text_null("last_error"))
                    .col(json_null("progress"))
                    .foreign_key(
                        ForeignKey::create()
                            .name("job_runs_job_id_fkey")
                            .from("job_runs", "job_id")
                            .to("jobs", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await?;
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
                    .name("ix_job_runs_lease_expires_at")
                    .table("job_runs")
                    .col("lease_expires_at")
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .unique()
                    .name("uq_job_runs_unique_key")
                    .table("job_runs")
                    .col("unique_key")
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("job_runs").to_owned())
            .await
    }
}
