//! What is in a database and not compared.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An object that is there and not compared, so that nothing is skipped in
/// silence.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Unmodelled {
    /// What it is: `view`, `materialized view`, `trigger`, `function`, `policy`,
    /// `row security`, `rule`, `extension`, `foreign table`, `virtual table`…
    pub kind: String,
    /// Its name with its schema, and its table where it belongs to one.
    pub name: String,
    /// The table that it belongs to, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The statement that makes it, where the database keeps it (SQLite's views
    /// and triggers, which a rebuild of a table has to put back).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
}
