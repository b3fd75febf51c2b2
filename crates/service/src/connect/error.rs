use std::{fmt, io};

use sea_orm::{DbErr, RuntimeErr, sqlx};

/// A table or a column that the entities need and the database lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingObject {
    /// The table.
    pub table: String,
    /// The column; `None` when the whole table is missing.
    pub column: Option<String>,
}

impl fmt::Display for MissingObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            Some(column) => write!(f, "column {}.{column}", self.table),
            None => write!(f, "table {}", self.table),
        }
    }
}

/// Why a database can't be used by this build.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The SQLite file is not there.
    #[error("the database file `{path}` does not exist; `outreach migrate up` creates it")]
    NoFile {
        /// The path as it was given.
        path: String,
    },
    /// The SQLite path is one of a directory.
    #[error(
        "`{path}` is a directory; name a database file in it, as in `sqlite://{path}/outreach.db`"
    )]
    Directory {
        /// The path as it was given.
        path: String,
    },
    /// No schema can have this name.
    #[error("`{schema}` can't be the schema: {reason}")]
    InvalidSchema {
        /// The name.
        schema: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The ledger has a revision without an earlier one.
    #[error(
        "the ledger `seaql_migrations` has a gap: `{later}` is applied but the earlier `{missing}` \
         is not; mend the ledger first"
    )]
    LedgerGap {
        /// The revision that is not there.
        missing: String,
        /// One that is, though it comes later.
        later: String,
    },
    /// No connection could be made.
    #[error("cannot connect to {database}: {hint}")]
    Unreachable {
        /// The URL without its password.
        database: String,
        /// What to look at first.
        hint: &'static str,
        /// What the driver said.
        #[source]
        source: DbErr,
    },
    /// The schema of the options is not in the database.
    #[error(
        "the schema `{schema}` does not exist in the database; `outreach migrate up --schema \
         {schema}` creates it"
    )]
    NoSchema {
        /// The schema's name.
        schema: String,
    },
    /// Revisions wait to be applied. Also said of an empty database.
    #[error(
        "the database is behind this build: {} pending: {}; run `outreach migrate up`",
        count(.pending.len(), "revision"), .pending.join(", ")
    )]
    Pending {
        /// Their names, oldest first.
        pending: Vec<String>,
    },
    /// The database has revisions that this build does not know.
    #[error(
        "the database is ahead of this build, which does not know: {}; use the release that \
         migrated it", .unknown.join(", ")
    )]
    Ahead {
        /// Their names.
        unknown: Vec<String>,
    },
    /// The ledger says head, but the tables say otherwise.
    #[error(
        "the ledger says that the schema is at head, but the database lacks {}",
        list(.missing)
    )]
    MissingObjects {
        /// What is missing.
        missing: Vec<MissingObject>,
    },
    /// The ledger could not be read.
    #[error("cannot read the ledger `seaql_migrations`{}", privilege_hint(.0))]
    Ledger(#[source] DbErr),
}

impl ConnectError {
    pub(super) fn unreachable(database: &str, source: DbErr) -> Self {
        let code = crate::sql::sqlstate(&source);
        let hint = match code.as_deref() {
            Some("28P01" | "28000") => "the server refuses this user or password",
            Some("3D000") => "the server has no database of this name",
            Some("53300" | "57P03") => "the server takes no connections at the moment",
            _ => match sqlite_code(code.as_deref()) {
                Some(5 | 6) => "another program holds the file",
                Some(8) => "the file can't be written",
                Some(11 | 26) => "the file is not an SQLite database, or is damaged",
                Some(14) => "the file can't be opened",
                _ if is_refused(&source) => "no server listens there",
                _ if is_configuration(&source) => "an option of the URL can't be used",
                _ => "is the address right and the server running?",
            },
        };
        Self::Unreachable {
            database: database.to_owned(),
            hint,
            source,
        }
    }
}

/// The primary result code, which is in the low byte of the extended one.
/// SQLSTATE has five characters and no code of SQLite has.
fn sqlite_code(code: Option<&str>) -> Option<u32> {
    let code = code.filter(|code| code.len() < 5)?;
    Some(code.parse::<u32>().ok()? & 0xff)
}

fn is_refused(error: &DbErr) -> bool {
    matches!(error, DbErr::Conn(RuntimeErr::SqlxError(source))
        if matches!(&**source, sqlx::Error::Io(io) if io.kind() == io::ErrorKind::ConnectionRefused))
}

fn is_configuration(error: &DbErr) -> bool {
    matches!(error, DbErr::Conn(RuntimeErr::SqlxError(source))
        if matches!(**source, sqlx::Error::Configuration(_)))
}

fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

fn privilege_hint(error: &DbErr) -> &'static str {
    match crate::sql::sqlstate(error).as_deref() {
        Some("42501") => "; the role needs USAGE on the schema and SELECT on the table",
        _ => "",
    }
}

fn list(missing: &[MissingObject]) -> String {
    let names: Vec<String> = missing.iter().map(ToString::to_string).collect();
    names.join(", ")
}
