//! Reads SeaORM's ledger.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::LEDGER;

/// A row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The revision's name.
    pub revision: String,
    /// When it was applied, in seconds since 1970; `None` if it is not known.
    pub applied_at: Option<i64>,
    /// What identified its content when it was applied; `None` where nobody
    /// recorded that. SeaORM does not: the caller fills it in.
    pub checksum: Option<String>,
}

/// The rows of `seaql_migrations` in the current schema, by name; `None` when
/// there is no such table. At most 10,000. Reads only, also for a role that may
/// only SELECT.
pub async fn read(db: &impl ConnectionTrait) -> Result<Option<Vec<Applied>>, DbErr> {
    let backend = db.get_database_backend();
    // The catalog, which every role may read: `information_schema` hides tables.
    let exists = match backend {
        DbBackend::Sqlite => {
            "SELECT count(*) AS found FROM sqlite_master WHERE type = 'table' AND name = $1"
        }
        _ => {
            "SELECT count(*) AS found FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = current_schema() AND c.relname = $1 AND c.relkind IN ('r', 'p')"
        }
    };
    let row = db
        .query_one_raw(Statement::from_sql_and_values(
            backend,
            exists,
            [LEDGER.into()],
        ))
        .await?;
    let found: i64 = row.map_or(Ok(0), |row| row.try_get("", "found"))?;
    if found == 0 {
        return Ok(None);
    }
    let sql =
        r#"SELECT "version", "applied_at" FROM "seaql_migrations" ORDER BY "version" LIMIT 10000"#;
    let rows = db
        .query_all_raw(Statement::from_string(backend, sql))
        .await?;
    let applied = rows.iter().map(|row| {
        Ok(Applied {
            revision: row.try_get("", "version")?,
            applied_at: row.try_get("", "applied_at")?,
            checksum: None,
        })
    });
    applied.collect::<Result<_, DbErr>>().map(Some)
}
