//! Why the program could not look.

use std::{error::Error, io, path::PathBuf};

use sea_orm::{DbErr, sqlx};

use crate::{inspect::InspectError, repair::ProveError, report::shown, schema::Dialect};

/// Why the program could not look.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProgramError {
    #[error("{which} is no URL that can be used: {reason}")]
    Url { which: String, reason: &'static str },
    #[error("{which} is no URL that can be used")]
    Parse {
        which: String,
        #[source]
        source: sqlx::Error,
    },
    #[error("`{}` cannot be read", .path.display())]
    ReadFile {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` is a directory or a device: name a file", .path.display())]
    NoFile { path: PathBuf },
    #[error("`{}` is no SQLite database", .path.display())]
    NoDatabase { path: PathBuf },
    #[error("`{0}` is an SQLite database: write sqlite:{0}", .path.display())]
    DatabaseAsSnapshot { path: PathBuf },
    #[error(
        "`{}` is no schema in JSON: make one with `schema-audit inspect --format json`, \
         or name a database by its URL",
        .path.display()
    )]
    Snapshot {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("{label} cannot be reached")]
    Unreachable {
        label: String,
        #[source]
        source: sqlx::Error,
    },
    #[error("{label} gave no answer within {seconds} s")]
    NoAnswer { label: String, seconds: u64 },
    #[error("{label} could not be inspected")]
    Inspect {
        label: String,
        #[source]
        source: InspectError,
    },
    #[error(
        "the two sides are different databases, {} and {}: compare like with like",
        dialect(*expected),
        dialect(*actual)
    )]
    Dialects { expected: Dialect, actual: Dialect },
    #[error("`{label}` is of a single schema: name the schema to compare it with, by --schema")]
    SnapshotOfOne { label: String },
    #[error("`{label}` is of all schemas: make one with --schema, or leave --schema out")]
    SnapshotOfAll { label: String },
    #[error("what depends on the tables of {label} could not be read")]
    Dependents {
        label: String,
        #[source]
        source: DbErr,
    },
    #[error("`{label}` is a file that nothing can be tried on: name a database to use --prove")]
    ProveOnSnapshot { label: String },
    #[error("SQLite is copied to a file of its own: leave --scratch out")]
    ScratchOfSqlite,
    #[error(transparent)]
    Prove(#[from] ProveError),
    #[error("cannot write the output")]
    Write(#[source] io::Error),
    #[error("cannot write `{}`", .path.display())]
    WriteFile {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot write JSON")]
    Json(#[source] serde_json::Error),
    #[error("cannot start")]
    Runtime(#[source] io::Error),
}

impl ProgramError {
    /// The error and its causes in one line, fit for a terminal.
    pub(super) fn line(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let said = error.to_string();
            // Errors of the drivers repeat their cause in their own text.
            if !text.ends_with(said.as_str()) {
                text.push_str(": ");
                text.push_str(&said);
            }
            cause = error.source();
        }
        shown(&text.replace('\n', " ")).into_owned()
    }
}

fn dialect(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "PostgreSQL",
        Dialect::Sqlite => "SQLite",
    }
}
