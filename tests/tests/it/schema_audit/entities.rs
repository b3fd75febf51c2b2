//! The entities held against the migrated database.

use anyhow::Context as _;
use outreach_entity::{
    database_properties, discovery_queries, email_logs, job_runs, jobs, merged_rows, prospects,
    revision_checksums, settings,
};
use outreach_tests::{TestDb, matrix_tests};
use schema_audit::attribution::attribute;
use schema_audit::compare::{Code, Side, compare};
use schema_audit::entities::{Entities, EntitiesError};
use schema_audit::inspect::{Scope, inspect};
use schema_audit::schema::{Dialect, Schema};
use sea_orm::{ConnectionTrait as _, DbBackend};

matrix_tests! {
    f03_the_entities_agree_with_the_migrated_database,
    f03_a_column_dropped_behind_the_migrations_is_the_databases,
}

pub(super) fn entities(backend: DbBackend) -> Result<Schema, EntitiesError> {
    let dialect = match backend {
        DbBackend::Sqlite => Dialect::Sqlite,
        _ => Dialect::Postgres,
    };
    Entities::new(dialect)
        .with(database_properties::Entity)
        .with(discovery_queries::Entity)
        .with(email_logs::Entity)
        .with(job_runs::Entity)
        .with(jobs::Entity)
        .with(merged_rows::Entity)
        .with(prospects::Entity)
        .with(revision_checksums::Entity)
        .with(settings::Entity)
        .build()
}

/// The database's schema without the ledger, which has no entity.
async fn live(db: &TestDb) -> anyhow::Result<Schema> {
    let pool = db.connect_plain().await?;
    let mut schema = inspect(&pool, &Scope::Current).await?;
    pool.close().await?;
    schema
        .tables
        .retain(|table| table.name.name != "seaql_migrations");
    Ok(schema)
}

async fn f03_the_entities_agree_with_the_migrated_database(db: TestDb) -> anyhow::Result<()> {
    let (entities, live) = (entities(db.backend())?, live(&db).await?);
    assert_eq!(compare(&entities, &live), []);
    assert_eq!(compare(&live, &entities), []);
    assert_eq!(attribute(&live, &entities, &live), []);
    Ok(())
}

async fn f03_a_column_dropped_behind_the_migrations_is_the_databases(
    db: TestDb,
) -> anyhow::Result<()> {
    let migrated = live(&db).await?;
    let pool = db.connect_plain().await?;
    pool.execute_unprepared("alter table prospects drop column page_title")
        .await?;
    pool.close().await?;
    let findings = attribute(&migrated, &entities(db.backend())?, &live(&db).await?);
    let missing = findings
        .iter()
        .find(|finding| finding.code == Code::ColumnMissing)
        .context("the dropped column was not found")?;
    assert_eq!(missing.object.member.as_deref(), Some("page_title"));
    assert!(
        findings
            .iter()
            .all(|finding| finding.side == Some(Side::Database))
    );
    Ok(())
}
