//! What the tables of a database hold, as counts and hashes, so that two moments
//! or two databases can be told to hold the same.

use serde::{Deserialize, Serialize};

/// The rows of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableContents {
    /// The table's name, without its schema.
    pub table: String,
    /// The columns that the hash covers, in the order that it takes them.
    pub columns: Vec<String>,
    /// How many rows it has.
    pub rows: u64,
    /// Tells other rows; says nothing about their order. In hexadecimal.
    /// Comparable between databases of one kind only.
    pub hash: String,
}

/// The rows of several tables, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// One for each table, by name.
    pub tables: Vec<TableContents>,
}
