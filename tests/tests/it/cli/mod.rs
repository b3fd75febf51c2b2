//! The `outreach` command, run as its users run it.

pub(crate) mod audit;
mod databases;
mod discover;
mod doctor;
mod enqueued;
mod jobs;
mod long_jobs;
mod migrate;
mod prospects;
mod refused_files;
mod tenants;
mod terminal;
mod verify;
mod work;

use std::path::{Path, PathBuf};

use anyhow::Context;
use outreach_tests::{Output, Outreach, Row, TestDb};
use sea_orm::DbBackend;
use serde_json::Value;
use tempfile::TempDir;

/// The keywords of `examples/results/results.csv`.
const KEYWORDS: &str = "home decor blog, interior design website, parenting blog, \
                        tech startup blog, unique gift ideas, seasonal decor shop";

/// A folder for a run, which goes with the value.
fn folder() -> anyhow::Result<TempDir> {
    Ok(tempfile::tempdir()?)
}

/// The command, run in this folder on this database.
fn outreach(folder: &TempDir, db: &TestDb) -> Outreach {
    Outreach::new(folder).env("DATABASE_URL", db.url())
}

fn examples(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples/results")
        .join(name)
}

/// `discover` over the shipped results.
fn discover_examples(folder: &TempDir, db: &TestDb) -> Outreach {
    outreach(folder, db)
        .args(["discover", "--location", "usa,uk", "--max-results", "1000"])
        .args(["--keywords", KEYWORDS, "--results"])
        .arg(examples("results.csv"))
}

/// Standard output as JSON, of a run that succeeded.
fn json(output: &Output) -> anyhow::Result<Value> {
    assert_eq!(output.status, Some(0), "{output:?}");
    serde_json::from_str(&output.stdout).with_context(|| format!("no JSON: {output:?}"))
}

/// The run was refused or failed with this status and one line that holds all
/// of these words, and nothing else.
#[track_caller]
fn assert_one_line(output: &Output, status: i32, words: &[&str]) {
    assert_eq!(output.status, Some(status), "{output:?}");
    assert_eq!(output.stdout, "", "{output:?}");
    assert!(output.stderr.starts_with("error: "), "{output:?}");
    assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
    assert!(output.stderr.chars().count() < 1000, "{output:?}");
    for word in words {
        assert!(output.stderr.contains(word), "no `{word}` in {output:?}");
    }
}

/// Everything in a database: each table with its columns and rows.
async fn contents(db: &TestDb) -> anyhow::Result<Vec<(String, Vec<Row>)>> {
    let tables = match db.backend() {
        DbBackend::Sqlite => "select name, sql from sqlite_master where type = 'table' order by 1",
        _ => {
            "select quote_ident(table_schema) || '.' || quote_ident(table_name), \
             (select string_agg(column_name, ',' order by ordinal_position) \
              from information_schema.columns c \
              where (c.table_schema, c.table_name) = (t.table_schema, t.table_name)) \
             from information_schema.tables t \
             where table_schema not in ('pg_catalog', 'information_schema') order by 1"
        }
    };
    let mut contents = Vec::new();
    for row in db.sql(tables).await? {
        let table = row[0].clone().context("tables have names")?;
        let rows = db.sql(&format!("select * from {table} order by 1")).await?;
        contents.push((format!("{row:?}"), rows));
    }
    Ok(contents)
}
