//! Repairs of SQLite, which can add a column and little else: for the rest a
//! table is built anew beside the old one, as
//! <https://sqlite.org/lang_altertable.html#otheralter> says, without losing a
//! row, an index, a trigger, or the rows of other tables that point to it.

mod affinity;
mod apply;
mod ddl;
mod plan;
mod rebuild;
mod script;
mod target;
#[cfg(test)]
mod tests;
mod views;

pub(crate) use apply::apply;
pub(crate) use plan::plan;
pub(super) use script::{closing, note, opening};

/// What a connection has to be told before the plan's transaction: DROP TABLE
/// would delete the rows that point to the old table, and nobody may look at
/// views while it is away. Neither setting can change within a transaction.
const BEFORE: &[&str] = &[
    "PRAGMA foreign_keys = OFF",
    "PRAGMA legacy_alter_table = ON",
    "BEGIN IMMEDIATE",
];
