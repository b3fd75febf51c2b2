//! Backups: made, read back, restored, and killed.

mod command;
mod contents;
mod failures;
mod killed;
mod round_trip;
mod tenants;

use std::path::{Path, PathBuf};

use outreach_operations::backup::{self, Backup, BackupError, BackupOptions, RestoreOptions};
use outreach_service::connect::DatabaseOptions;
use outreach_tests::{Outreach, TestDb};
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use tempfile::TempDir;

use crate::support::uuid;

pub(crate) fn folder() -> anyhow::Result<TempDir> {
    Ok(tempfile::tempdir()?)
}

/// The command, run in this folder on this database.
pub(crate) fn outreach(folder: &TempDir, db: &TestDb) -> Outreach {
    Outreach::new(folder).env("DATABASE_URL", db.url())
}

pub(crate) fn options(db: &TestDb) -> DatabaseOptions {
    DatabaseOptions::new(db.url()).unwrap()
}

/// An empty database of the same kind.
async fn empty_like(db: &TestDb) -> anyhow::Result<TestDb> {
    match db.backend() {
        DbBackend::Sqlite => TestDb::empty_sqlite().await,
        _ => TestDb::empty_postgres().await,
    }
}

pub(crate) async fn create(
    database: &DatabaseOptions,
    directory: &Path,
) -> Result<Backup, BackupError> {
    let options = BackupOptions {
        directory: directory.to_owned(),
    };
    backup::create(database, &options, &|_| {}).await
}

async fn restore(path: &Path, target: &DatabaseOptions) -> Result<(), BackupError> {
    let restored = backup::restore(path, target, &RestoreOptions::default(), &|_| {}).await;
    restored.map(drop)
}

/// The names in a folder, in their order.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

pub(crate) fn paths_that_end_with(folder: &Path, end: &str) -> Vec<PathBuf> {
    let names = names(folder);
    let ending = names.iter().filter(|name| name.ends_with(end));
    ending.map(|name| folder.join(name)).collect()
}

/// Texts that copying, quoting or a script could damage.
const AWKWARD: [&str; 12] = [
    "",
    "NULL",
    "\\N",
    "\\.",
    "a\n\\.\nb",
    "COPY t FROM stdin;\n1\n\\.\n",
    "it's \"quoted\" `so` $tag$ and $$",
    "tab\there, return\r\n, backslash \\ and \\x41 \\000",
    "🎁 Ünï \u{202e}bidi\u{1b}[2J\u{7f}\u{1}",
    "PK\u{3}\u{4}\u{14}\u{8}%PDF-1.7\n%âãÏÓ\n",
    ";DROP TABLE prospects;--",
    "1e400 NaN -0 0x1F",
];

/// Rows with awkward content in several tables.
pub(crate) async fn fill(db: &TestDb) -> anyhow::Result<()> {
    fill_with(db, 50_000).await
}

/// As [`fill`], with a JSON of seven times so many bytes.
pub(crate) async fn fill_with(db: &TestDb, length: usize) -> anyhow::Result<()> {
    let pool = db.connect_plain().await?;
    let backend = db.backend();
    let run = async |sql: &str, values: Vec<Value>| {
        let statement = Statement::from_sql_and_values(backend, sql, values);
        pool.execute_raw(statement).await
    };
    for (number, text) in AWKWARD.iter().enumerate() {
        let sql = "INSERT INTO prospects (id, domain, page_title, draft_body, score, created_at, \
             dataforseo_payload) VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let json = serde_json::json!({ "text": text, "list": [1.50, null, "\u{1}"] });
        let values: Vec<Value> = vec![
            uuid(number as u64).into(),
            format!("{number}.example").into(),
            (*text).into(),
            (number % 2 == 0).then_some(*text).into(),
            rust_decimal::Decimal::new(-99_999 + i64::try_from(number)?, 2).into(),
            "2026-02-28T23:59:59.123456Z"
                .parse::<chrono::DateTime<chrono::Utc>>()?
                .into(),
            json.into(),
        ];
        run(sql, values).await?;
    }
    let long = serde_json::json!({ "long": "ü\"\\\n".repeat(length) });
    let sql = "INSERT INTO settings (id, key, value) VALUES ($1, $2, $3)";
    run(sql, vec![uuid(900).into(), "long".into(), long.into()]).await?;
    run(
        sql,
        vec![uuid(901).into(), "none".into(), Value::Json(None)],
    )
    .await?;
    pool.close().await?;
    Ok(())
}
