//! The scratch copy: the schema of the database with its ledgers and without
//! its rows, to write to.

use outreach_service::connect::{self, DatabaseOptions};
use schema_audit::{
    schema::{ObjectName, Schema},
    scratch::{Scratch, ScratchOptions},
};
use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, QueryResult, Statement, Value,
};
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::could_not_look;
use crate::{exit::Error, output};

/// A scratch copy. [`remove`](Self::remove) it when done.
pub(super) struct Copy {
    /// How an application would connect to it.
    pub(super) options: DatabaseOptions,
    place: Place,
}

enum Place {
    Postgres(Scratch),
    Sqlite(TempDir),
}

impl Copy {
    /// Makes the copy, and says so.
    ///
    /// # Errors
    ///
    /// Why there is none, in words for the checklist. What was made is gone.
    pub(super) async fn of(
        options: &DatabaseOptions,
        live: &DatabaseConnection,
        schema: &Schema,
    ) -> Result<Self, String> {
        let copy = match live.get_database_backend() {
            DbBackend::Sqlite => Self::of_file(live).await?,
            _ => Self::of_server(options).await?,
        };
        let filled = copy.fill_ledgers(live, schema).await;
        match filled {
            Ok(()) => Ok(copy),
            Err(error) => {
                let reason = format!("the ledgers could not be copied: {error}");
                match copy.remove().await {
                    Ok(()) => Err(reason),
                    Err(left) => Err(format!("{reason}; {}", left.message())),
                }
            }
        }
    }

    async fn of_server(live: &DatabaseOptions) -> Result<Self, String> {
        output::say(
            "making a scratch copy of the schema: a database on the same server, removed at the end",
        );
        let url = live.url().with_password();
        let scratch = Scratch::copy_of(&url, &ScratchOptions::default())
            .await
            .map_err(|error| text(&error))?;
        let options = DatabaseOptions::new(scratch.url().expose_secret());
        let options = match options {
            Ok(options) => options,
            Err(error) => {
                let left = scratch.remove().await.err();
                let left = left.map_or_else(String::new, |error| format!("; {}", text(&error)));
                return Err(format!("{error}{left}"));
            }
        };
        output::say(&format!("the scratch copy is {}", options.url()));
        let options = match live.schema_name() {
            Some(schema) => options.schema(schema),
            None => options,
        };
        Ok(Self {
            options,
            place: Place::Postgres(scratch),
        })
    }

    async fn of_file(live: &DatabaseConnection) -> Result<Self, String> {
        output::say("making a scratch copy of the schema: a temporary file, removed at the end");
        let folder = tempfile::Builder::new()
            .prefix("outreach-verify-")
            .tempdir()
            .map_err(|error| format!("no temporary folder could be made: {error}"))?;
        let path = folder.path().join("scratch.db");
        let url = format!("sqlite://{}?mode=rwc", path.display());
        let options = DatabaseOptions::new(&url).map_err(|error| text(&error))?;
        let copied = async {
            let scratch = connect::open(&options).await.map_err(|e| text(&e))?;
            for sql in statements(live).await.map_err(|e| e.to_string())? {
                let made = scratch.execute_unprepared(&sql).await;
                made.map_err(|error| format!("the schema could not be copied: {error}"))?;
            }
            scratch.close().await.map_err(|e| e.to_string())
        };
        copied.await?;
        Ok(Self {
            options,
            place: Place::Sqlite(folder),
        })
    }

    /// Ledgers hold rows that say what the schema is.
    async fn fill_ledgers(&self, live: &DatabaseConnection, schema: &Schema) -> Result<(), String> {
        let scratch = connect::open(&self.options)
            .await
            .map_err(|error| text(&error))?;
        let filled = async {
            for (ledger, columns) in [
                ("seaql_migrations", &["version", "applied_at"][..]),
                ("alembic_version", &["version_num"]),
            ] {
                let exists = schema.table(&ObjectName::local(ledger)).is_some();
                if exists {
                    copy_rows(live, &scratch, ledger, columns).await?;
                }
            }
            Ok::<(), DbErr>(())
        };
        let filled = filled.await;
        let closed = scratch.close().await;
        filled.and(closed).map_err(|error| error.to_string())
    }

    /// Removes the copy.
    ///
    /// # Errors
    ///
    /// Names what is left.
    pub(super) async fn remove(self) -> Result<(), Error> {
        match self.place {
            Place::Postgres(scratch) => scratch.remove().await.map_err(could_not_look),
            Place::Sqlite(folder) => {
                let path = folder.path().display().to_string();
                folder.close().map_err(|error| {
                    could_not_look(error).context(format!("`{path}` could not be removed"))
                })
            }
        }
    }
}

/// Tables before what stands on them. Tables of SQLite's own are made by it.
async fn statements(live: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    let sql = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL \
               AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
               ORDER BY type <> 'table', type <> 'index', type <> 'view', rowid";
    let rows = live
        .query_all_raw(Statement::from_string(DbBackend::Sqlite, sql))
        .await?;
    rows.iter().map(|row| row.try_get("", "sql")).collect()
}

/// Rows of a ledger: a few, and a bound for one that is none.
async fn copy_rows(
    live: &DatabaseConnection,
    scratch: &DatabaseConnection,
    table: &str,
    columns: &[&str],
) -> Result<(), DbErr> {
    let backend = live.get_database_backend();
    let names = columns.join(", ");
    let sql = format!("SELECT {names} FROM {table} ORDER BY 1 LIMIT 10000");
    let rows = live
        .query_all_raw(Statement::from_string(backend, sql))
        .await?;
    let parameters: Vec<String> = (1..=columns.len()).map(|n| format!("${n}")).collect();
    let insert = format!(
        "INSERT INTO {table} ({names}) VALUES ({})",
        parameters.join(", ")
    );
    for row in &rows {
        let values = columns.iter().map(|column| value(row, column));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        scratch
            .execute_raw(Statement::from_sql_and_values(backend, &insert, values))
            .await?;
    }
    Ok(())
}

fn value(row: &QueryResult, column: &str) -> Result<Value, DbErr> {
    if column == "applied_at" {
        return Ok(row.try_get::<i64>("", column)?.into());
    }
    Ok(row.try_get::<String>("", column)?.into())
}

/// An error with its causes.
fn text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
