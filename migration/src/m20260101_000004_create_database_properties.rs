//! Creates `database_properties`: what the database knows about itself, by name,
//! such as its environment and whether it is protected.
//!
//! A mark that is kept outside of the database does not help where the wrong
//! database is connected to.

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
                    .table("database_properties")
                    .col(string("name").primary_key())
                    .col(string("value"))
                    .col(required_time_default_now("set_at", backend))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("database_properties").to_owned())
            .await
    }
}
