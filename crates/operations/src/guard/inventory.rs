//! What is there, as values.

use std::fmt;

use outreach_migration::shown;
use schema_audit::schema::Dialect;
use serde::Serialize;

use super::Evidence;

/// What a database has, who uses it, and what it says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Inventory {
    /// The kind of database.
    pub dialect: Dialect,
    /// The database's name; on SQLite the file's.
    pub database: String,
    /// The PostgreSQL schema.
    pub schema: Option<String>,
    /// Whether the schema has to be said too, where the database is named: it was
    /// chosen, or is not `public`.
    pub schema_is_part_of_the_name: bool,
    /// How it is known to be outreach's.
    pub evidence: Evidence,
    /// The revision that it is at, if that is known.
    pub revision: Option<&'static str>,
    /// The environment that is stored in it.
    pub environment: Option<String>,
    /// Why it is protected, if it is.
    pub protected: Option<String>,
    /// The tables that are stored as not outreach's.
    pub ignored_tables: Vec<String>,
    /// Outreach's tables, the ledger `seaql_migrations` among them, by name.
    pub tables: Vec<OwnTable>,
    /// What `alembic_version` holds; `None` where it is not there.
    pub alembic: Option<Vec<String>>,
    /// What else is in the schema or the file, by kind and name.
    pub foreign: Vec<ForeignObject>,
    /// Columns, triggers, policies and the like that somebody has put on
    /// outreach's tables: the chain does not make them again.
    pub attached: Vec<ForeignObject>,
    /// What is not outreach's and depends on its tables: `view public.report`.
    pub dependents: Vec<String>,
    /// What has the name of one of outreach's tables and is none.
    pub clashes: Vec<String>,
    /// Outreach's tables that this role does not own.
    pub not_owned: Vec<String>,
    /// Extensions in the schema, whose objects others may use.
    pub extensions: Vec<String>,
    /// Who else is connected.
    pub sessions: Vec<Session>,
    /// Why nothing can be written here, if so.
    pub read_only: Option<&'static str>,
    /// The bytes of outreach's tables with their indexes; on SQLite of the file.
    pub bytes: u64,
}

impl Inventory {
    /// What has to be typed or given in order to destroy what is here: the
    /// database, or `database.schema`, or the name of the SQLite file.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.schema {
            Some(schema) if self.schema_is_part_of_the_name => {
                format!("{}.{schema}", self.database)
            }
            _ => self.database.clone(),
        }
    }

    /// The rows of outreach's tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// The names of outreach's tables.
    #[must_use]
    pub fn table_names(&self) -> Vec<String> {
        self.tables.iter().map(|table| table.name.clone()).collect()
    }

    /// Whether the same tables and objects are there, with the same marks. Rows
    /// and sessions come and go.
    #[must_use]
    pub fn has_the_same_objects(&self, other: &Self) -> bool {
        let names = |inventory: &Self| {
            let foreign = inventory.foreign.iter();
            let foreign: Vec<_> = foreign.map(|o| (o.kind.clone(), o.name.clone())).collect();
            (inventory.table_names(), foreign)
        };
        names(self) == names(other)
            && self.evidence == other.evidence
            && self.environment == other.environment
            && self.protected == other.protected
            && self.ignored_tables == other.ignored_tables
            && self.alembic == other.alembic
            && self.dependents == other.dependents
            && self.clashes == other.clashes
    }
}

/// A table of outreach's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OwnTable {
    /// Its name.
    pub name: String,
    /// How many rows it has, counted.
    pub rows: u64,
    /// Its bytes with its indexes; SQLite does not tell.
    pub bytes: Option<u64>,
}

/// Something that is not outreach's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct ForeignObject {
    /// `table`, `view`, `function`, `enum`…
    pub kind: String,
    /// Its name.
    pub name: String,
    /// How many rows, if it is a table.
    pub rows: Option<u64>,
}

/// Somebody else who is connected to the database, or has the file open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Session {
    /// The server's process, or on SQLite the other program's; 0 if unknown.
    pub pid: u32,
    /// The role, or the program's name.
    pub user: String,
    /// The name that the client gave.
    pub application: String,
    /// The client's address; empty for a local one.
    pub client: String,
    /// What it does: `idle`, `active`, `prepared transaction`; or how it was
    /// noticed.
    pub state: String,
    /// Since when, if it is known.
    pub since: String,
}

impl fmt::Display for Session {
    /// For people; what clients said of themselves is escaped. Statements are
    /// left out, because they may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pid == 0 {
            f.write_str("another program")?;
        } else {
            write!(f, "{}", self.pid)?;
        }
        for (name, value) in [
            ("user", &self.user),
            ("application", &self.application),
            ("from", &self.client),
            ("state", &self.state),
            ("since", &self.since),
        ] {
            if !value.is_empty() {
                write!(f, ", {name} {}", shown(value))?;
            }
        }
        Ok(())
    }
}
