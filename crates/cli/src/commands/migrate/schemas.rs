//! `outreach migrate up --all-schemas`.

use std::fmt::Write as _;

use outreach_domain::escape_for_terminal;
use outreach_migration::run::{self, RunOptions, SchemaOutcome};
use serde_json::json;

use crate::{args::Connection, exit::Error, output};

/// Brings each tenant to the newest revision, and names those that fail.
pub(super) async fn up(
    connection: &Connection,
    options: &RunOptions,
    json: bool,
) -> Result<(), Error> {
    if connection.options()?.is_sqlite() {
        return Err(Error::refused_because(
            "--all-schemas is for PostgreSQL: an SQLite file has one schema",
        ));
    }
    let db = super::open(connection, false).await?;
    let outcomes = run::up_all_schemas(&db, options).await?;
    super::close(db).await?;
    let all = outcomes.len();
    let mut failed = Vec::new();
    let mut report = Vec::new();
    let mut text = String::new();
    for SchemaOutcome { schema, outcome } in outcomes {
        let name = escape_for_terminal(&schema).into_owned();
        match outcome {
            Ok(revisions) => {
                let names: Vec<_> = revisions.iter().map(|one| one.name).collect();
                let count = u64::try_from(names.len()).unwrap_or(u64::MAX);
                let counted = output::counted(count, "revision");
                let _ = writeln!(text, "{name}: {counted} applied");
                report.push(json!({"schema": schema, "applied": names}));
            }
            Err(error) => {
                let message = Error::from(error).message();
                let _ = writeln!(text, "{name}: failed: {message}");
                report.push(json!({"schema": schema, "error": message}));
                failed.push(name);
            }
        }
    }
    if json {
        output::print_json(&json!({"schemas": report}))?;
    } else {
        output::print(&text)?;
    }
    match failed.as_slice() {
        [] => Ok(()),
        failed => Err(Error::failed_because(format!(
            "{} of {all} schemas could not be migrated: {}",
            failed.len(),
            failed.join(", ")
        ))),
    }
}
