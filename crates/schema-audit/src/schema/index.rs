//! Indexes that no constraint owns.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An index that was made by CREATE INDEX.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the catalog has as many")]
pub struct Index {
    /// Its name, in the schema of its table.
    pub name: String,
    /// The access method: `btree`, `gin`…; always `btree` on SQLite.
    pub method: String,
    /// Whether it is unique.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unique: bool,
    /// Whether two NULLs count as equal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nulls_not_distinct: bool,
    /// What it is ordered by.
    pub keys: Vec<IndexKey>,
    /// Columns that it carries along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// The condition of a partial index, as the database writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicate: Option<String>,
    /// Storage parameters, as `name=value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// A build that failed half way: the index is not used (PostgreSQL).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub invalid: bool,
    /// The comment (PostgreSQL).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether it comes from an index of a parent table.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inherited: bool,
    /// An index of a partitioned table alone, without its partitions (ON ONLY).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only: bool,
    /// The whole statement that makes it, as the database writes it; not
    /// compared, because it carries the names of schemas.
    #[serde(skip)]
    pub definition: String,
}

/// One element of an index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexKey {
    /// The column's name (not quoted), or the expression as the database writes
    /// it.
    pub expression: String,
    /// Whether [`expression`](Self::expression) is the name of a column.
    pub is_column: bool,
    /// DESC.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub descending: bool,
    /// Where NULLs are, if that is not where the direction puts them:
    /// `Some(true)` is NULLS FIRST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nulls_first: Option<bool>,
    /// The operator class with its parameters, if it is not the type's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_class: Option<String>,
    /// The collation, if it is not the column's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<String>,
}
