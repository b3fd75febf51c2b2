//! The audit of whole databases: by the crate, and by the programs as they are
//! run.

mod entities;
mod failures;
mod inspect_postgres;
mod read_only;
mod repair_postgres;
mod repair_rows;
mod revisions;
mod rows;
mod statements;
mod untouched;

use std::path::Path;

use anyhow::Context;
use outreach_tests::{Output, Outreach, Program, ProgramName, TestDb};
use schema_audit::{
    inspect::{Scope, inspect},
    schema::Schema,
};
use serde_json::Value;

/// Names the `schema-audit` command.
#[derive(Clone, Copy, Debug)]
struct SchemaAuditProgram;

impl ProgramName for SchemaAuditProgram {
    const NAME: &'static str = "schema-audit";
}

type SchemaAudit = Program<SchemaAuditProgram>;

/// The schema of the database at this URL.
async fn read(url: &str) -> anyhow::Result<Schema> {
    let pool = sea_orm::Database::connect(url).await?;
    let schema = inspect(&pool, &Scope::Current).await?;
    pool.close().await?;
    Ok(schema)
}

/// The schema without what is outside of all revisions.
async fn live(db: &TestDb) -> anyhow::Result<Schema> {
    let mut schema = read(db.url()).await?;
    schema
        .tables
        .retain(|table| !outreach_migration::LEDGERS.contains(&table.name.name.as_str()));
    Ok(schema)
}

/// `outreach audit` with these words, in this folder, on the database at this URL.
fn audit(folder: &Path, url: &str, words: &[&str]) -> Outreach {
    Outreach::new(folder)
        .env("DATABASE_URL", url)
        .arg("audit")
        .args(words)
}

/// What `outreach audit --format json` finds, each as `code object side`; the
/// exit status fits.
async fn found(db: &TestDb, words: &[&str]) -> anyhow::Result<Vec<String>> {
    found_at(db.url(), words).await
}

async fn found_at(url: &str, words: &[&str]) -> anyhow::Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let output = audit(folder.path(), url, words)
        .args(["--format", "json"])
        .run()
        .await?;
    findings(&output)
}

fn findings(output: &Output) -> anyhow::Result<Vec<String>> {
    let report: Value =
        serde_json::from_str(&output.stdout).with_context(|| format!("no JSON: {output:?}"))?;
    let findings = report["findings"].as_array().context("no findings")?;
    let word = |finding: &Value, key: &str| finding[key].as_str().map(str::to_owned);
    let said = findings.iter().map(|finding| {
        let object = word(finding, "object")?;
        // Both databases' findings read alike.
        let object = object
            .trim_start_matches("public.")
            .trim_start_matches("main.");
        let code = word(finding, "code")?;
        Some(match word(finding, "side") {
            Some(side) => format!("{code} {object} {side}"),
            None => format!("{code} {object}"),
        })
    });
    let said: Option<Vec<_>> = said.collect();
    let said = said.context("a finding has no code or object")?;
    let bad = findings.iter().any(|finding| finding["severity"] != "info");
    assert_eq!(output.status, Some(i32::from(bad)), "{output:?}");
    Ok(said)
}
