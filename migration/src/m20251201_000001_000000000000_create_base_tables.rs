//! Mirrors Alembic's `000000000000`: `jobs`, `prospects` and `email_logs`.
//!
//! Alembic made a second, redundant index `ix_<table>_id` on each key. It is
//! kept, because a mirrored revision leaves exactly what its twin leaves.

use sea_orm_migration::{prelude::*, schema::*};

use crate::{alembic, column::time_default_now, ledger::table_exists};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        refuse_foreign_tables(manager).await?;
        create_jobs(manager).await?;
        create_prospects(manager).await?;
        create_email_logs(manager).await?;
        alembic::record(manager, None, Some("000000000000")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["email_logs", "prospects", "jobs"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        alembic::record(manager, Some("000000000000"), None).await
    }
}

/// A database that Alembic or `create_all` made has these tables and an empty
/// ledger. "Relation already exists" would be true but no help.
pub(crate) async fn refuse_foreign_tables(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    for table in ["jobs", "prospects", "email_logs"] {
        if table_exists(manager.get_connection(), table).await? {
            return Err(DbErr::Migration(format!(
                "the table `{table}` exists, but the ledger `seaql_migrations` is empty: \
                 this database was not made by this chain. Nothing was changed; \
                 `outreach adopt` says what it is, and takes it over"
            )));
        }
    }
    Ok(())
}

async fn create_jobs(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let backend = manager.get_database_backend();
    manager
        .create_table(
            Table::create()
                .table("jobs")
                .col(pk_uuid("id"))
                .col(uuid_null("user_id"))
                .col(string("job_type"))
                .col(json_null("params"))
                .col(string("status").default("pending"))
                .col(json_null("result"))
                .col(text_null("error_message"))
                .col(time_default_now("created_at", backend))
                .col(time_default_now("updated_at", backend))
                .to_owned(),
        )
        .await?;
    for column in ["id", "job_type", "status", "created_at"] {
        create_index(manager, "jobs", column).await?;
    }
    Ok(())
}

async fn create_prospects(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let backend = manager.get_database_backend();
    manager
        .create_table(
            Table::create()
                .table("prospects")
                .col(pk_uuid("id"))
                .col(string("domain"))
                .col(text_null("page_url"))
                .col(text_null("page_title"))
                .col(string_null("contact_email"))
                .col(string_null("contact_method"))
                .col(decimal_len_null("da_est", 5, 2))
                .col(decimal_len_null("score", 5, 2).default("0"))
                .col(string_null("outreach_status").default("pending"))
                .col(timestamp_with_time_zone_null("last_sent"))
                .col(integer_null("followups_sent").default(0))
                .col(text_null("draft_subject"))
                .col(text_null("draft_body"))
                .col(json_null("dataforseo_payload"))
                .col(json_null("hunter_payload"))
                .col(time_default_now("created_at", backend))
                .col(time_default_now("updated_at", backend))
                .to_owned(),
        )
        .await?;
    for column in [
        "id",
        "domain",
        "contact_email",
        "outreach_status",
        "created_at",
    ] {
        create_index(manager, "prospects", column).await?;
    }
    Ok(())
}

async fn create_email_logs(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let backend = manager.get_database_backend();
    manager
        .create_table(
            Table::create()
                .table("email_logs")
                .col(pk_uuid("id"))
                .col(uuid("prospect_id"))
                .col(text_null("subject"))
                .col(text_null("body"))
                .col(json_null("response"))
                .col(time_default_now("sent_at", backend))
                .foreign_key(
                    ForeignKey::create()
                        .name("email_logs_prospect_id_fkey")
                        .from("email_logs", "prospect_id")
                        .to("prospects", "id"),
                )
                .to_owned(),
        )
        .await?;
    for column in ["id", "prospect_id", "sent_at"] {
        create_index(manager, "email_logs", column).await?;
    }
    Ok(())
}

async fn create_index(
    manager: &SchemaManager<'_>,
    table: &'static str,
    column: &'static str,
) -> Result<(), DbErr> {
    manager
        .create_index(
            Index::create()
                .name(format!("ix_{table}_{column}"))
                .table(table)
                .col(column)
                .to_owned(),
        )
        .await
}
