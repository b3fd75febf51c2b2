//! Scratch copies of SQLite files: a file of its own in a temporary directory.

use std::str::FromStr;

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, RuntimeErr,
    sqlx::{self, ConnectOptions as _, Connection, SqliteConnection, sqlite::SqliteConnectOptions},
};
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;
use url::Url;

use super::ScratchError;
use crate::inspect::leaves_a_log;

/// A scratch file with the directory that holds it.
#[derive(Debug)]
pub(super) struct ScratchFile {
    directory: TempDir,
}

impl ScratchFile {
    /// Removes the file, and what SQLite put beside it.
    pub(super) fn remove(self) -> Result<(), ScratchError> {
        let name = self.directory.path().display().to_string();
        self.directory
            .close()
            .map_err(|error| ScratchError::Remove {
                name,
                source: DbErr::Custom(error.to_string()),
            })
    }
}

/// What makes the live schema, in an order in which it can be made.
struct Definitions {
    encoding: String,
    /// The kind of object with its statement.
    statements: Vec<(String, String)>,
}

/// Copies the schema of a file into a scratch file. The live file is only read.
pub(super) async fn copy_of(
    url: &SecretString,
) -> Result<(ScratchFile, SecretString, DatabaseConnection), ScratchError> {
    let options =
        SqliteConnectOptions::from_str(url.expose_secret()).map_err(|_| ScratchError::Url)?;
    let read_only = !leaves_a_log(options.get_filename());
    let options = options
        .read_only(read_only)
        .create_if_missing(false)
        .pragma("query_only", "ON")
        .disable_statement_logging();
    let live = definitions(&options)
        .await
        .map_err(|source| ScratchError::Connect {
            place: options.get_filename().display().to_string(),
            source: db_error(source),
        })?;
    let (file, place) = make_file()?;
    let copy = SecretString::from(place);
    let db = connect(&copy, &file).await?;
    if let Err(source) = load(&db, &live).await {
        let name = file.directory.path().display().to_string();
        // The directory goes with `file`; an open connection keeps nothing.
        let _ = db.close().await;
        return Err(ScratchError::Restore { name, source });
    }
    Ok((file, copy, db))
}

fn db_error(error: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(error.into()))
}

/// Virtual tables bring the tables that they keep their data in, and SQLite
/// makes its own by itself.
async fn definitions(options: &SqliteConnectOptions) -> Result<Definitions, sqlx::Error> {
    let mut live = SqliteConnection::connect_with(options).await?;
    let encoding = sqlx::query_scalar("PRAGMA encoding")
        .fetch_one(&mut live)
        .await?;
    let statements = sqlx::query_as(
        "SELECT type, sql FROM main.sqlite_schema m \
         WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
         AND NOT EXISTS (SELECT 1 FROM pragma_table_list l \
         WHERE l.schema = 'main' AND l.name = m.name AND l.type = 'shadow') \
         ORDER BY CASE type WHEN 'table' THEN 1 WHEN 'index' THEN 2 WHEN 'view' THEN 3 \
         ELSE 4 END, rowid",
    )
    .fetch_all(&mut live)
    .await?;
    live.close().await?;
    Ok(Definitions {
        encoding,
        statements,
    })
}

fn make_file() -> Result<(ScratchFile, String), ScratchError> {
    let create = |error: String| ScratchError::Create {
        name: std::env::temp_dir().display().to_string(),
        source: DbErr::Custom(error),
    };
    let directory = tempfile::Builder::new()
        .prefix("schema-audit-")
        .tempdir()
        .map_err(|error| create(error.to_string()))?;
    let path = Url::from_file_path(directory.path().join("scratch.db"))
        .map_err(|()| create("the temporary directory has no absolute path".to_owned()))?;
    let url = format!("sqlite://{}?mode=rwc", path.path());
    Ok((ScratchFile { directory }, url))
}

async fn connect(
    url: &SecretString,
    file: &ScratchFile,
) -> Result<DatabaseConnection, ScratchError> {
    let mut options = ConnectOptions::new(url.expose_secret());
    options.sqlx_logging(false);
    Database::connect(options)
        .await
        .map_err(|source| ScratchError::Connect {
            place: file.directory.path().display().to_string(),
            source,
        })
}

async fn load(db: &DatabaseConnection, live: &Definitions) -> Result<(), DbErr> {
    let encoding = live.encoding.replace('\'', "''");
    db.execute_unprepared(&format!("PRAGMA encoding = '{encoding}'"))
        .await?;
    for (kind, sql) in &live.statements {
        match db.execute_unprepared(sql).await {
            Ok(_) => {}
            // A module that only the live application loads: such a table has no
            // part in a repair.
            Err(error) if kind == "table" && error.to_string().contains("no such module") => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;
