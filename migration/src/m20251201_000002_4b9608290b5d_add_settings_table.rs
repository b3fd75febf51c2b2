//! Mirrors Alembic's `4b9608290b5d`: `settings`, a key and a JSON value.
//!
//! The key is unique by the constraint `uq_settings_key` and has a plain index
//! beside it, as in the twin.

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
                    .table("settings")
                    .col(pk_uuid("id"))
                    .col(string("key"))
                    .col(json_null("value"))
                    .col(time_default_now("created_at", backend))
                    .col(time_default_now("updated_at", backend))
                    .index(Index::create().unique().name("uq_settings_key").col("key"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("ix_settings_key")
                    .table("settings")
                    .col("key")
                    .to_owned(),
            )
            .await?;
        alembic::record(manager, Some("000000000000"), Some("4b9608290b5d")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("settings").to_owned())
            .await?;
        alembic::record(manager, Some("4b9608290b5d"), Some("000000000000")).await
    }
}
