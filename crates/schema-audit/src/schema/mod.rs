//! A schema as a value: what a live database has, what a snapshot records, what
//! entities say. Everything else in this crate works on these values.
//!
//! All lists are sorted (columns by position), so that two equal schemas
//! serialize to the same bytes.

mod column;
mod constraint;
mod index;
mod name;
mod standalone;
mod table;
mod unmodelled;

pub use column::{Column, Generated, Identity};
pub use constraint::{Action, Check, Deferrable, Exclusion, ForeignKey, Key, MatchType};
pub use index::{Index, IndexKey};
pub use name::{ObjectName, ObjectPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub use standalone::{Domain, Enum, OwnedBy, Sequence};
pub use table::{PartitionOf, Table};
pub use unmodelled::Unmodelled;

/// The kind of database that a schema belongs to.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// PostgreSQL.
    #[default]
    Postgres,
    /// SQLite.
    Sqlite,
}

/// What a source of a schema is able to say. What it cannot say is not compared
/// unless it says it, so that silence is not reported as drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A database's own catalog, or a snapshot of one: says everything.
    Catalog,
    /// SeaORM entities: say tables, columns, types, nullability, keys, unique
    /// constraints, and foreign keys with their actions. Of defaults, checks,
    /// indexes, comments and names they say only what is written on them.
    Entities,
}

impl Source {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    const fn is_catalog(&self) -> bool {
        matches!(self, Self::Catalog)
    }
}

const fn catalog() -> Source {
    Source::Catalog
}

/// Everything that is known of one schema, or of all schemas of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// The kind of database.
    pub dialect: Dialect,
    /// Who says it.
    #[serde(default = "catalog", skip_serializing_if = "Source::is_catalog")]
    pub source: Source,
    /// The name of the schema that [`ObjectName`]s without a schema are in:
    /// `main` on SQLite; `None` where every name carries its schema. Not part of
    /// a snapshot, because the same tables may be in any schema.
    #[serde(skip)]
    pub name: Option<String>,
    /// The schemas that were looked at, where every name carries its schema.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schemas: Vec<String>,
    /// Tables, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Table>,
    /// Enumerated types, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub enums: Vec<Enum>,
    /// Domains, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<Domain>,
    /// Sequences, by name; those of identity and serial columns too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sequences: Vec<Sequence>,
    /// What is there and not compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmodelled: Vec<Unmodelled>,
}

impl Schema {
    /// A schema with nothing in it.
    #[must_use]
    pub const fn empty(dialect: Dialect) -> Self {
        Self {
            dialect,
            source: Source::Catalog,
            name: None,
            schemas: Vec::new(),
            tables: Vec::new(),
            enums: Vec::new(),
            domains: Vec::new(),
            sequences: Vec::new(),
            unmodelled: Vec::new(),
        }
    }

    /// The table of that name.
    #[must_use]
    pub fn table(&self, name: &ObjectName) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == *name)
    }

    /// Brings every list into its order. Whoever builds a schema calls this last.
    pub fn sort(&mut self) {
        self.schemas.sort();
        self.tables.sort_by(|a, b| a.name.cmp(&b.name));
        for table in &mut self.tables {
            table.sort();
        }
        self.enums.sort_by(|a, b| a.name.cmp(&b.name));
        self.domains.sort_by(|a, b| a.name.cmp(&b.name));
        for domain in &mut self.domains {
            domain.checks.sort();
        }
        self.sequences.sort_by(|a, b| a.name.cmp(&b.name));
        self.unmodelled.sort();
    }
}
