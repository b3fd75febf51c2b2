//! Tables.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Check, Column, Exclusion, ForeignKey, Index, Key, ObjectName};

/// A table with everything that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Its name.
    pub name: ObjectName,
    /// Columns, by position.
    pub columns: Vec<Column>,
    /// The primary key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_key: Option<Key>,
    /// Unique constraints (unique indexes without one are in `indexes`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uniques: Vec<Key>,
    /// Foreign keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign_keys: Vec<ForeignKey>,
    /// CHECK constraints.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// Exclusion constraints.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclusions: Vec<Exclusion>,
    /// Indexes that no constraint owns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<Index>,
    /// The comment (PostgreSQL).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// What a partitioned table is partitioned by: `RANGE (logdate)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_key: Option<String>,
    /// The table that it is a partition of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_of: Option<PartitionOf>,
    /// Tables that it inherits from without being a partition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inherits: Vec<ObjectName>,
    /// UNLOGGED (PostgreSQL): emptied by a crash.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unlogged: bool,
    /// Storage parameters as `name=value` on PostgreSQL; `STRICT` and
    /// `WITHOUT ROWID` on SQLite.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// The statement that made it (SQLite); not compared.
    #[serde(skip)]
    pub definition: Option<String>,
}

/// Where a partition belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartitionOf {
    /// The partitioned table.
    pub parent: ObjectName,
    /// Which rows: `FOR VALUES …` or `DEFAULT`.
    pub bound: String,
}

impl Table {
    /// A table with no columns.
    #[must_use]
    pub const fn new(name: ObjectName) -> Self {
        Self {
            name,
            columns: Vec::new(),
            primary_key: None,
            uniques: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
            exclusions: Vec::new(),
            indexes: Vec::new(),
            comment: None,
            partition_key: None,
            partition_of: None,
            inherits: Vec::new(),
            unlogged: false,
            options: Vec::new(),
            definition: None,
        }
    }

    /// The column of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(super) fn sort(&mut self) {
        self.uniques.sort();
        self.foreign_keys.sort();
        self.checks.sort();
        self.exclusions.sort();
        self.indexes.sort();
        self.inherits.sort();
        self.options.sort();
    }
}
