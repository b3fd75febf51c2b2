//! Mirrors Alembic's `add_discovery_query`: `discovery_queries`, one row for
//! each query of a discovery job.

use sea_orm_migration::{prelude::*, schema::*};

use crate::{alembic, column::time_default_now};

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
                    .table("discovery_queries")
                    .col(pk_uuid("id"))
                    .col(uuid("job_id"))
                    .col(string("keyword"))
                    .col(string("location"))
                    .col(integer_null("location_code"))
                    .col(string_null("category"))
                    .col(string("status").default("pending"))
                    .col(integer("results_found").default(0))
                    .col(integer("results_saved").default(0))
                    .col(integer("results_skipped_duplicate").default(0))
                    .col(integer("results_skipped_existing").default(0))
                    .col(text_null("error_message"))
                    .col(json_null("query_metadata"))
                    .col(time_default_now("created_at", backend))
                    .col(time_default_now("updated_at", backend))
                    .foreign_key(
                        ForeignKey::create()
                            .name("discovery_queries_job_id_fkey")
                            .from("discovery_queries", "job_id")
                            .to("jobs", "id"),
                    )
                    .to_owned(),
            )
            .await?;
        for column in [
            "id",
            "job_id",
            "keyword",
            "location",
            "category",
            "status",
            "created_at",
        ] {
            manager
                .create_index(
                    Index::create()
                        .name(format!("ix_discovery_queries_{column}"))
                        .table("discovery_queries")
                        .col(column)
                        .to_owned(),
                )
                .await?;
        }
        alembic::record(manager, Some("4b9608290b5d"), Some("add_discovery_query")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("discovery_queries").to_owned())
            .await?;
        alembic::record(manager, Some("add_discovery_query"), Some("4b9608290b5d")).await
    }
}
