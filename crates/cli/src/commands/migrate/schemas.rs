//! `outreach migrate up --all-schemas`.

use std::fmt::Write as _;

use outreach_domain::escape_for_terminal;
use outreach_migration::run::{self, RunOptions, SchemaOutcome};
use outreach_service::connect;
use serde_json::json;

use crate::{args::Connection, exit::Error, output};

const NONE: &str = "\
No schema of the database has a ledger of this chain, or Alembic's: nothing was done.
A schema gets one, and is made, by: outreach migrate up --schema NAME
";

/// Brings each tenant to the newest revision, and names those that fail.
pub(super) async fn up(
    connection: &Connection,
    options: &RunOptions,
    json: bool,
) -> Result<(), Error> {
    let (database, not_used) = connection.options_of_all_schemas()?;
    if database.is_sqlite() {
        return Err(Error::refused_because(
            "--all-schemas is for PostgreSQL: an SQLite file has one schema",
        ));
    }
    if let Some(schema) = not_used {
        output::say(&format!(
            "DATABASE_SCHEMA (`{}`) is not used: --all-schemas goes through every schema with a \
             ledger",
            schema.escape_debug()
        ));
    }
    let db = connect::open(&super::patient(database)).await?;
    let outcomes = run::up_all_schemas(&db, options).await?;
    super::close(db).await?;
    let all = outcomes.len();
    if outcomes.is_empty() && !json {
        return output::print(NONE);
    }
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
