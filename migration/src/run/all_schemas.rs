//! Every tenant of one database, one after the other.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, IsolationLevel, Statement,
    TransactionTrait,
};

use super::{RunError, RunOptions, Target, error, up};
use crate::{REVISIONS, Revision, shown};

/// What became of one schema.
#[derive(Debug)]
pub struct SchemaOutcome {
    /// Its name.
    pub schema: String,
    /// The revisions that were applied to it, or why none was.
    pub outcome: Result<Vec<Revision>, RunError>,
}

/// The schemas of a PostgreSQL database that hold a ledger of this chain or of
/// its Alembic twin, by name. A ledger of another project is left out. Reads
/// only. Empty on SQLite, which has no schemas.
pub async fn managed_schemas<C: ConnectionTrait>(db: &C) -> Result<Vec<String>, DbErr> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(Vec::new());
    }
    let rows = db
        .query_all_raw(Statement::from_string(
            DbBackend::Postgres,
            "SELECT n.nspname::text AS schema, c.relname::text AS ledger \
             FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relname IN ('seaql_migrations', 'alembic_version') \
               AND c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' \
             ORDER BY n.nspname COLLATE \"C\", c.relname",
        ))
        .await?;
    let mut schemas: Vec<String> = Vec::new();
    for row in rows {
        let schema: String = row.try_get("", "schema")?;
        let ledger: String = row.try_get("", "ledger")?;
        if schemas.last() != Some(&schema) && is_ours(db, &schema, &ledger).await? {
            schemas.push(schema);
        }
    }
    Ok(schemas)
}

/// An empty ledger may be ours: the chain was taken back.
async fn is_ours<C: ConnectionTrait>(db: &C, schema: &str, ledger: &str) -> Result<bool, DbErr> {
    let readable = db
        .query_one_raw(Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT has_schema_privilege($1, 'USAGE') AND has_table_privilege($2, 'SELECT') AS may",
            [schema.into(), format!("{}.{ledger}", quote(schema)).into()],
        ))
        .await?;
    if !readable.is_some_and(|row| row.try_get("", "may").unwrap_or(false)) {
        // It is tried, and named when it fails.
        return Ok(true);
    }
    let column = match ledger {
        "alembic_version" => "version_num",
        _ => "version",
    };
    let rows = db
        .query_all_raw(Statement::from_string(
            DbBackend::Postgres,
            format!(
                "SELECT {column}::text AS version FROM {}.{ledger}",
                quote(schema)
            ),
        ))
        .await?;
    let mut known = rows.is_empty();
    for row in rows {
        let version: String = row.try_get("", "version")?;
        known |= REVISIONS
            .iter()
            .any(|one| one.name == version || one.alembic == Some(version.as_str()));
    }
    Ok(known)
}

/// Applies what is pending to each of [`managed_schemas`], each in a transaction
/// of its own that names the schema. One that fails does not stop the rest.
/// Commits.
///
/// # Errors
///
/// When the schemas can't be listed; what became of each is in its
/// [`SchemaOutcome`].
///
/// ```no_run
/// use outreach_migration::run::{self, RunOptions};
///
/// # async fn example(db: &sea_orm::DatabaseConnection) -> Result<(), run::RunError> {
/// for tenant in run::up_all_schemas(db, &RunOptions::default()).await? {
///     if let Err(error) = tenant.outcome {
///         eprintln!("{}: {error}", tenant.schema);
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub async fn up_all_schemas(
    db: &DatabaseConnection,
    options: &RunOptions,
) -> Result<Vec<SchemaOutcome>, RunError> {
    let mut outcomes = Vec::new();
    for schema in managed_schemas(db).await? {
        tracing::info!("Schema {}", shown(&schema));
        let outcome = up_one(db, &schema, options).await;
        outcomes.push(SchemaOutcome { schema, outcome });
    }
    Ok(outcomes)
}

async fn up_one(
    db: &DatabaseConnection,
    schema: &str,
    options: &RunOptions,
) -> Result<Vec<Revision>, RunError> {
    // As a run of its own begins, which is a savepoint here.
    let level = Some(IsolationLevel::ReadCommitted);
    let txn = db.begin_with_config(level, None).await?;
    let path = format!("SET LOCAL search_path TO {}", quote(schema));
    txn.execute_unprepared(&path).await?;
    match up(&txn, Target::End, options).await {
        Ok(revisions) => {
            txn.commit().await.map_err(error::of_commit)?;
            Ok(revisions)
        }
        Err(error) => {
            let _ = txn.rollback().await;
            Err(error)
        }
    }
}

pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
