//! The revision, in both ledgers.

use outreach_migration::{
    MigrationStatus, REVISIONS,
    ledger::{self, RevisionStatus},
};
use schema_audit::schema::{ObjectName, Schema};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbErr, Statement};

use super::ChecklistLine;

const NAME: &str = "revision";

pub(super) async fn line<C: ConnectionTrait>(db: &C, schema: &Schema) -> ChecklistLine {
    let chain = match ledger::status(db).await {
        Ok(chain) => chain,
        // The chain's own words: it does not fit the ledger.
        Err(DbErr::Migration(reason)) => return ChecklistLine::cross(NAME, reason),
        Err(error) => return ChecklistLine::not_checked(NAME, error.to_string()),
    };
    let is_pending = |one: &&RevisionStatus| one.status == MigrationStatus::Pending;
    let pending: Vec<&str> = chain
        .iter()
        .filter(is_pending)
        .map(|one| one.revision.name)
        .collect();
    if !pending.is_empty() {
        let detail = format!(
            "`seaql_migrations` is behind, pending: {}; run `outreach migrate up`",
            pending.join(", ")
        );
        return ChecklistLine::cross(NAME, detail);
    }
    let head = REVISIONS.last().map_or("none", |revision| revision.name);
    let detail = format!("`seaql_migrations` is at `{head}`");
    if schema
        .table(&ObjectName::local("alembic_version"))
        .is_none()
    {
        return ChecklistLine::tick(NAME, format!("{detail}; no `alembic_version`"));
    }
    let mirrored = REVISIONS.iter().rev().find_map(|revision| revision.alembic);
    let mirrored = mirrored.unwrap_or("none");
    match versions(db).await {
        Ok(found) if found == [mirrored] => ChecklistLine::tick(
            NAME,
            format!("{detail}; `alembic_version` is at `{mirrored}`"),
        ),
        Ok(found) => ChecklistLine::cross(
            NAME,
            format!(
                "`alembic_version` holds [{}] where [{mirrored}] is expected",
                found.join(", ")
            ),
        ),
        Err(error) => ChecklistLine::not_checked(NAME, error.to_string()),
    }
}

/// At most a few: a ledger has one row.
async fn versions<C: ConnectionTrait>(db: &C) -> Result<Vec<String>, DbErr> {
    let sql = r#"SELECT "version_num" FROM "alembic_version" ORDER BY "version_num" LIMIT 10"#;
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(statement).await?;
    rows.iter()
        .map(|row| row.try_get("", "version_num"))
        .collect()
}
