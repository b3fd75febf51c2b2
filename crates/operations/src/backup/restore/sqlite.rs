//! Restores an SQLite file: whole where there is none, else in one transaction
//! of the file that is there, for who has it open would go on with the old one,
//! and an old log beside a new file would damage it.

use std::path::{Path, PathBuf};

use outreach_service::connect::{self, DatabaseOptions};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};

use super::Replaced;
use crate::{
    backup::{
        BackupError, Manifest, Progress, Step, difference::differences, facts::State,
        partial::Partial, verify::of_file,
    },
    sql::{identifier, row, rows, texts},
    sqlite,
};

pub(super) async fn restore(
    path: &Path,
    manifest: &Manifest,
    target: &DatabaseOptions,
    replaced: &Replaced<'_>,
    progress: Progress<'_>,
) -> Result<(), BackupError> {
    let file = target.url().sqlite_path().ok_or(BackupError::InMemory)?;
    let file = PathBuf::from(file);
    if file.exists() {
        return into_a_file(path, manifest, &file, replaced, progress).await;
    }
    progress(Step::Restoring);
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let partial = Partial::new(folder, &name)?;
    copy_bytes(path, partial.path())
        .await
        .map_err(|source| BackupError::Write {
            path: partial.path().to_owned(),
            source,
        })?;
    let differences = of_file(partial.path(), manifest, progress).await?;
    if !differences.is_empty() {
        return Err(BackupError::Differs { differences });
    }
    progress(Step::Committing);
    partial.keep(&file)
}

/// Over the file that is there, which is its owner's alone: the backup's own
/// permissions are not those of a database in use.
async fn copy_bytes(from: &Path, to: &Path) -> std::io::Result<()> {
    let mut from = tokio::fs::File::open(from).await?;
    let mut to = tokio::fs::OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(to)
        .await?;
    tokio::io::copy(&mut from, &mut to).await?;
    to.sync_all().await
}

async fn into_a_file(
    path: &Path,
    manifest: &Manifest,
    file: &Path,
    replaced: &Replaced<'_>,
    progress: Progress<'_>,
) -> Result<(), BackupError> {
    let db = connect::open(&sqlite::options(file, "rw")?).await?;
    let restored = replace(&db, path, manifest, replaced, progress).await;
    let closed = db.close().await;
    restored?;
    closed.map_err(BackupError::database("closing the file"))
}

async fn replace(
    db: &DatabaseConnection,
    path: &Path,
    manifest: &Manifest,
    replaced: &Replaced<'_>,
    progress: Progress<'_>,
) -> Result<(), BackupError> {
    // Neither can be done inside of a transaction.
    db.execute_unprepared("PRAGMA foreign_keys = OFF")
        .await
        .map_err(BackupError::restore)?;
    let absolute = std::path::absolute(path).map_err(|source| BackupError::Read {
        path: path.to_owned(),
        source,
    })?;
    let absolute = sqlite::text(&absolute)?;
    rows(db, "ATTACH DATABASE $1 AS backup", [absolute.into()])
        .await
        .map_err(BackupError::restore)?;
    let immediate = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let txn = db
        .begin_with_options(immediate)
        .await
        .map_err(BackupError::restore)?;
    replaced.refuse_changes(&txn).await?;
    for table in replaced.tables {
        let sql = format!("DROP TABLE IF EXISTS main.{}", identifier(table));
        txn.execute_unprepared(&sql)
            .await
            .map_err(BackupError::restore)?;
    }
    refuse_what_is_left(&txn).await?;
    progress(Step::Restoring);
    copy(&txn).await?;
    progress(Step::Comparing);
    let state = State::read(&txn, progress).await?;
    let differences = differences(manifest, &state.schema, &state.contents);
    if !differences.is_empty() {
        return Err(BackupError::Differs { differences });
    }
    progress(Step::Committing);
    txn.commit().await.map_err(BackupError::restore)
}

async fn refuse_what_is_left(txn: &DatabaseTransaction) -> Result<(), BackupError> {
    let sql = "SELECT type || ' `' || name || '`' FROM main.sqlite_schema \
         WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name LIMIT 5";
    let found = texts(txn, sql, []).await.map_err(BackupError::restore)?;
    if found.is_empty() {
        return Ok(());
    }
    Err(BackupError::NotEmpty { found })
}

/// Tables with their rows, then what would be slower or would act on the rows.
async fn copy(txn: &DatabaseTransaction) -> Result<(), BackupError> {
    let sql = "SELECT name, type, sql, sql LIKE 'create virtual%' AS virtual \
         FROM backup.sqlite_schema WHERE sql IS NOT NULL \
         AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
         ORDER BY CASE type WHEN 'table' THEN 1 WHEN 'index' THEN 2 WHEN 'view' THEN 3 \
         ELSE 4 END, rowid";
    let objects = rows(txn, sql, []).await.map_err(BackupError::restore)?;
    for object in &objects {
        let text = |name| object.try_get::<String>("", name);
        let name = text("name").map_err(BackupError::restore)?;
        let is_virtual: i32 = object
            .try_get("", "virtual")
            .map_err(BackupError::restore)?;
        if is_virtual != 0 {
            return Err(BackupError::VirtualTable { table: name });
        }
        let copied = async {
            txn.execute_unprepared(&text("sql")?).await?;
            if text("type")? == "table" {
                copy_rows(txn, &name).await?;
            }
            Ok::<(), DbErr>(())
        };
        copied.await.map_err(BackupError::restore)?;
    }
    copy_marks(txn).await.map_err(BackupError::restore)
}

async fn copy_rows(txn: &DatabaseTransaction, table: &str) -> Result<(), DbErr> {
    let sql = "SELECT name FROM pragma_table_xinfo($1, 'backup') WHERE hidden = 0";
    let columns = texts(txn, sql, [table.into()]).await?;
    let columns: Vec<String> = columns.iter().map(|column| identifier(column)).collect();
    let (columns, table) = (columns.join(", "), identifier(table));
    let sql = format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM backup.{table}");
    txn.execute_unprepared(&sql).await.map(drop)
}

/// The counters of AUTOINCREMENT, and the two numbers that an application may
/// keep in a file's header.
async fn copy_marks(txn: &DatabaseTransaction) -> Result<(), DbErr> {
    let sql = "SELECT name FROM backup.sqlite_schema WHERE name = 'sqlite_sequence'";
    if !texts(txn, sql, []).await?.is_empty() {
        txn.execute_unprepared(
            "DELETE FROM main.sqlite_sequence; \
             INSERT INTO main.sqlite_sequence SELECT * FROM backup.sqlite_sequence",
        )
        .await?;
    }
    for mark in ["user_version", "application_id"] {
        let number: i64 = row(txn, &format!("PRAGMA backup.{mark}"), [])
            .await?
            .try_get_by_index(0)?;
        txn.execute_unprepared(&format!("PRAGMA main.{mark} = {number}"))
            .await?;
    }
    Ok(())
}
