//! Tables while they are put together.

use std::collections::{BTreeMap, HashMap};

use super::{InspectError, reader::not_understood};
use crate::schema::Table;

/// Tables by the number that the catalogs give them.
#[derive(Debug)]
pub(super) struct Draft {
    tables: HashMap<i64, TableDraft>,
}

/// A table, and what other catalogs need to know of it.
#[derive(Debug)]
pub(super) struct TableDraft {
    pub(super) table: Table,
    /// Whether all of its columns and checks come from a partitioned table.
    pub(super) is_partition: bool,
    /// The columns' names by their numbers, which have gaps.
    pub(super) attributes: BTreeMap<i16, String>,
}

impl TableDraft {
    /// The names of columns.
    pub(super) fn names(
        &self,
        numbers: impl Iterator<Item = i16>,
    ) -> Result<Vec<String>, InspectError> {
        numbers.map(|number| self.name(number)).collect()
    }

    /// The name of a column.
    pub(super) fn name(&self, number: i16) -> Result<String, InspectError> {
        self.attributes.get(&number).cloned().ok_or_else(|| {
            not_understood(
                &self.table.name,
                format!("no column has the number {number}"),
            )
        })
    }
}

impl Draft {
    pub(super) const fn new(tables: HashMap<i64, TableDraft>) -> Self {
        Self { tables }
    }

    /// The table of that number; none if it is not of the scope, or belongs to an
    /// extension.
    pub(super) fn get_mut(&mut self, id: i64) -> Option<&mut TableDraft> {
        self.tables.get_mut(&id)
    }

    pub(super) fn finish(self) -> Vec<Table> {
        self.tables.into_values().map(|draft| draft.table).collect()
    }
}
