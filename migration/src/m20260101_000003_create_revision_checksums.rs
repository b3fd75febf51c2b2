//! Creates `revision_checksums`: for each applied revision the checksum of the
//! schema that the build which applied it recorded for it.
//!
//! The ledger names revisions and nothing more, so a revision that was edited
//! after it was applied would go unnoticed. SeaORM owns the ledger; this table
//! stands beside it.

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
                    .table("revision_checksums")
                    .col(string("version").primary_key())
                    .col(string("checksum"))
                    .col(required_time_default_now("recorded_at", backend))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("revision_checksums").to_owned())
            .await
    }
}
