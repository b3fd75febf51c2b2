//! Whether the database is the one that the entities were made for: its ledger
//! at their revision, their tables and columns there.

use std::collections::HashSet;

use outreach_entity::{REVISIONS, tables};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::{ConnectError, MissingObject};

/// Holds the ledger and the columns of the database against this build. Three
/// statements, all of them reads, whatever the number of tables.
///
/// # Errors
///
/// The [`ConnectError`] that says what is pending, unknown or missing.
pub async fn check_schema<C: ConnectionTrait>(db: &C) -> Result<(), ConnectError> {
    let columns = columns(db).await.map_err(ConnectError::Ledger)?;
    if columns.is_empty() {
        refuse_missing_schema(db).await?;
    }
    let has_ledger = columns.iter().any(|(table, _)| table == "seaql_migrations");
    let applied = if has_ledger {
        applied(db).await.map_err(ConnectError::Ledger)?
    } else {
        Vec::new()
    };
    compare_ledger(&applied)?;
    let missing = missing_objects(&columns);
    if missing.is_empty() {
        Ok(())
    } else {
        Err(ConnectError::MissingObjects { missing })
    }
}

fn compare_ledger(applied: &[String]) -> Result<(), ConnectError> {
    let unknown: Vec<String> = applied
        .iter()
        .filter(|name| !REVISIONS.contains(&name.as_str()))
        .cloned()
        .collect();
    if !unknown.is_empty() {
        return Err(ConnectError::Ahead { unknown });
    }
    let pending: Vec<String> = REVISIONS
        .iter()
        .filter(|name| !applied.iter().any(|applied| applied == *name))
        .map(ToString::to_string)
        .collect();
    let Some(missing) = pending.first() else {
        return Ok(());
    };
    // The applied ones are a beginning of the chain, or there is a gap.
    if let Some(later) = REVISIONS
        .iter()
        .skip_while(|name| *name != missing)
        .find(|name| applied.iter().any(|applied| applied == *name))
    {
        return Err(ConnectError::LedgerGap {
            missing: missing.clone(),
            later: (*later).to_owned(),
        });
    }
    Err(ConnectError::Pending { pending })
}

fn missing_objects(columns: &HashSet<(String, String)>) -> Vec<MissingObject> {
    let existing: HashSet<&str> = columns.iter().map(|(table, _)| table.as_str()).collect();
    let mut missing = Vec::new();
    for table in tables() {
        if !existing.contains(table.name) {
            missing.push(MissingObject {
                table: table.name.to_owned(),
                column: None,
            });
            continue;
        }
        for column in table.columns {
            if !columns.contains(&(table.name.to_owned(), column.to_owned())) {
                missing.push(MissingObject {
                    table: table.name.to_owned(),
                    column: Some(column.to_owned()),
                });
            }
        }
    }
    missing
}

/// Tables and columns of the current schema. From the catalog, which a role
/// may read whatever it may do with the tables.
async fn columns<C: ConnectionTrait>(db: &C) -> Result<HashSet<(String, String)>, DbErr> {
    let sql = match db.get_database_backend() {
        DbBackend::Sqlite => {
            "SELECT m.name AS table_name, c.name AS column_name \
             FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
        }
        _ => {
            "SELECT c.relname::text AS table_name, a.attname::text AS column_name \
             FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid \
             WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') \
             AND a.attnum > 0 AND NOT a.attisdropped"
        }
    };
    let rows = db
        .query_all_raw(Statement::from_string(db.get_database_backend(), sql))
        .await?;
    rows.iter()
        .map(|row| {
            Ok((
                row.try_get("", "table_name")?,
                row.try_get("", "column_name")?,
            ))
        })
        .collect()
}

async fn applied<C: ConnectionTrait>(db: &C) -> Result<Vec<String>, DbErr> {
    let rows = db
        .query_all_raw(Statement::from_string(
            db.get_database_backend(),
            r#"SELECT "version" FROM "seaql_migrations" ORDER BY "version""#,
        ))
        .await?;
    rows.iter().map(|row| row.try_get("", "version")).collect()
}

async fn refuse_missing_schema<C: ConnectionTrait>(db: &C) -> Result<(), ConnectError> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let row = db
        .query_one_raw(Statement::from_string(
            DbBackend::Postgres,
            "SELECT current_schema()::text AS schema, current_setting('search_path') AS search_path",
        ))
        .await
        .map_err(ConnectError::Ledger)?;
    let Some(row) = row else { return Ok(()) };
    let schema: Option<String> = row.try_get("", "schema").map_err(ConnectError::Ledger)?;
    if schema.is_some() {
        return Ok(());
    }
    Err(ConnectError::NoSchema {
        schema: row
            .try_get("", "search_path")
            .map_err(ConnectError::Ledger)?,
    })
}
