//! `outreach adopt` and its library: databases of other makers become managed
//! ones, or are refused, and no row is lost.

mod broken_off;
pub(crate) mod databases;
mod matrix;
mod refused;
mod tenants;
mod untouched;

use anyhow::Context;
use outreach_tests::{Output, Outreach, TestDb};
use serde_json::Value;
use tempfile::TempDir;

fn folder() -> anyhow::Result<TempDir> {
    Ok(tempfile::tempdir()?)
}

/// `outreach adopt` with these arguments.
async fn run(folder: &TempDir, db: &TestDb, arguments: &[&str]) -> anyhow::Result<Output> {
    let adopt = Outreach::new(folder).env("DATABASE_URL", db.url());
    adopt.arg("adopt").args(arguments).run().await
}

/// The plan as JSON, of a run that ends with this status.
async fn plan(folder: &TempDir, db: &TestDb, status: i32) -> anyhow::Result<Value> {
    let output = run(folder, db, &["--json"]).await?;
    assert_eq!(output.status, Some(status), "{output:?}");
    let mut printed = json(&output)?;
    assert_eq!(printed["report"], Value::Null);
    Ok(printed["plan"].take())
}

/// Carries the plan out, and returns the report.
async fn adopt(folder: &TempDir, db: &TestDb) -> anyhow::Result<Value> {
    let output = run(folder, db, &["--json", "--yes"]).await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    Ok(json(&output)?["report"].take())
}

fn json(output: &Output) -> anyhow::Result<Value> {
    serde_json::from_str(&output.stdout).with_context(|| format!("no JSON: {output:?}"))
}

/// The database is at the newest revision by its schema, its ledgers and its
/// rows.
async fn assert_clean(folder: &TempDir, db: &TestDb) -> anyhow::Result<()> {
    let audit = Outreach::new(folder).env("DATABASE_URL", db.url());
    let audit = audit.arg("audit").run().await?;
    assert_eq!(audit.status, Some(0), "{audit:?}");
    Ok(())
}

/// The reasons of a plan's conflicts, each after what it is about.
fn conflicts(plan: &Value) -> Vec<String> {
    let conflicts = plan["conflicts"].as_array().expect("a list").iter();
    let text = |conflict: &Value, name: &str| conflict[name].as_str().unwrap_or("").to_owned();
    conflicts
        .map(|one| {
            format!(
                "{}: {}; {}",
                text(one, "object"),
                text(one, "reason"),
                text(one, "remedy")
            )
        })
        .collect()
}
