//! The tables and columns that the entities read and write, for a check that
//! the database has them.

use sea_orm::{EntityName, IdenStatic, Iterable};

use crate::{
    database_properties, discovery_queries, email_logs, job_runs, jobs, merged_rows, prospects,
    revision_checksums, settings,
};

/// A table that an entity stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Name in the database.
    pub name: &'static str,
    /// Names of the columns that the entity has.
    pub columns: Vec<&'static str>,
}

/// Every table of the entities. A test holds the list against the migrated
/// database.
#[must_use]
pub fn tables() -> Vec<Table> {
    macro_rules! table {
        ($module:ident) => {
            Table {
                name: $module::Entity.table_name(),
                columns: $module::Column::iter()
                    .map(|column| column.as_str())
                    .collect(),
            }
        };
    }
    vec![
        table!(database_properties),
        table!(discovery_queries),
        table!(email_logs),
        table!(job_runs),
        table!(jobs),
        table!(merged_rows),
        table!(prospects),
        table!(revision_checksums),
        table!(settings),
    ]
}
