//! Mirrors Alembic's `556b79de2825`, the head of the mirrored chain:
//! `prospects.discovery_query_id` with its comment, index and foreign key.
//!
//! SQLite can't add a constraint to a table, only a column with its own
//! reference, and has no comments.

use sea_orm::{DbBackend, Statement};
use sea_orm_migration::{prelude::*, schema::*};

use crate::alembic;

const FOREIGN_KEY: &str = "fk_prospects_discovery_query_id";
const INDEX: &str = "ix_prospects_discovery_query_id";
const COLUMN: &str = "discovery_query_id";

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Sqlite {
            add_column_sqlite(manager).await?;
        } else {
            add_column_postgres(manager).await?;
        }
        manager
            .create_index(
                Index::create()
                    .name(INDEX)
                    .table("prospects")
                    .col(COLUMN)
                    .to_owned(),
            )
            .await?;
        alembic::record(manager, Some("add_discovery_query"), Some("556b79de2825")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Postgres {
            manager
                .drop_foreign_key(
                    ForeignKey::drop()
                        .name(FOREIGN_KEY)
                        .table("prospects")
                        .to_owned(),
                )
                .await?;
        }
        manager
            .drop_index(Index::drop().name(INDEX).table("prospects").to_owned())
            .await?;
        manager
            .alter_table(
                Table::alter()
                    .table("prospects")
                    .drop_column(COLUMN)
                    .to_owned(),
            )
            .await?;
        alembic::record(manager, Some("556b79de2825"), Some("add_discovery_query")).await
    }
}

async fn add_column_postgres(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .alter_table(
            Table::alter()
                .table("prospects")
                .add_column(uuid_null(COLUMN))
                .to_owned(),
        )
        .await?;
    manager
        .get_connection()
        .execute_raw(Statement::from_string(
            manager.get_database_backend(),
            r#"COMMENT ON COLUMN "prospects"."discovery_query_id" IS 'Foreign key reference to discovery_queries.id'"#,
        ))
        .await?;
    manager
        .create_foreign_key(
            ForeignKey::create()
                .name(FOREIGN_KEY)
                .from("prospects", COLUMN)
                .to("discovery_queries", "id")
                .on_delete(ForeignKeyAction::SetNull)
                .to_owned(),
        )
        .await
}

async fn add_column_sqlite(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let reference = format!(
        r#"CONSTRAINT "{FOREIGN_KEY}" REFERENCES "discovery_queries" ("id") ON DELETE SET NULL"#
    );
    manager
        .alter_table(
            Table::alter()
                .table("prospects")
                .add_column(uuid_null(COLUMN).extra(reference))
                .to_owned(),
        )
        .await
}
