//! Makes a prospect's domain unique, and a job's queries unique by keyword and
//! location, after merging the duplicates that it finds.
//!
//! Nothing is dropped without a record: each row that was merged into another
//! is kept whole in `merged_rows`, with the rows that pointed to it, the key of
//! the row that took its place, and what that row was before and after. Going
//! down puts them back.
//!
//! The index over score, time and key serves the list of prospects in its
//! order, page by page.

use sea_orm_migration::{prelude::*, schema::*};

use crate::{column::required_time_default_now, duplicates};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_merged_rows(manager).await?;
        duplicates::merge(manager.get_connection()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for index in indexes() {
            let name = index.get_index_spec().get_name().unwrap_or_default();
            manager
                .drop_index(Index::drop().name(name).to_owned())
                .await?;
        }
        duplicates::restore(manager.get_connection()).await?;
        manager
            .drop_table(Table::drop().table("merged_rows").to_owned())
            .await
    }
}

async fn create_merged_rows(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let backend = manager.get_database_backend();
    manager
        .create_table(
            Table::create()
                .table("merged_rows")
                .col(pk_uuid("merged_id"))
                .col(string("table_name"))
                .col(uuid("kept_id"))
                .col(json("merged_row"))
                .col(json("repointed_ids"))
                .col(json_null("kept_row"))
                .col(required_time_default_now("merged_at", backend))
                .to_owned(),
        )
        .await
}

fn indexes() -> [IndexCreateStatement; 3] {
    [
        Index::create()
            .unique()
            .name("uq_prospects_domain")
            .table("prospects")
            .col("domain")
            .to_owned(),
        Index::create()
            .unique()
            .name("uq_discovery_queries_job_id_keyword_location")
            .table("discovery_queries")
            .col("job_id")
            .col("keyword")
            .col("location")
            .to_owned(),
        Index::create()
            .name("ix_prospects_score_created_at_id")
            .table("prospects")
            .col("score")
            .col("created_at")
            .col("id")
            .to_owned(),
    ]
}
