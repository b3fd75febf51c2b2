//! Tables as a whole.

use super::{Code, Comparison, expression};
use crate::schema::{Schema, Table};

impl<'a> Comparison<'a> {
    pub(super) fn tables(&mut self) {
        let (expected, actual): (&'a Schema, &'a Schema) = (self.expected, self.actual);
        for table in &expected.tables {
            match self.actual_by.tables.get(&table.name).copied() {
                Some(found) => self.table(table, found),
                None => self.add(
                    Code::TableMissing,
                    self.path(&table.name, None),
                    Some(describe(table)),
                    None,
                ),
            }
        }
        for table in &actual.tables {
            if !self.expected_by.tables.contains_key(&table.name) {
                self.add(
                    Code::TableUnexpected,
                    self.path(&table.name, None),
                    None,
                    Some(describe(table)),
                );
            }
        }
    }

    fn table(&mut self, expected: &'a Table, actual: &'a Table) {
        self.columns(expected, actual);
        self.primary_key(expected, actual);
        self.uniques(expected, actual);
        self.foreign_keys(expected, actual);
        self.checks(expected, actual);
        self.exclusions(expected, actual);
        self.indexes(expected, actual);
        self.table_comment(expected, actual);
        if !self.with_entities() {
            self.kind(expected, actual);
        }
    }

    fn kind(&mut self, expected: &Table, actual: &Table) {
        let path = self.path(&expected.name, None);
        let (wanted, found) = (partitioning(expected), partitioning(actual));
        // The text of a key may have expressions in it.
        if !expression::agree(&wanted, &found) {
            self.add(
                Code::PartitionChanged,
                path.clone(),
                Some(wanted),
                Some(found),
            );
        }
        if expected.unlogged != actual.unlogged {
            let word = |unlogged| Some(if unlogged { "UNLOGGED" } else { "LOGGED" }.to_owned());
            self.add(
                Code::PersistenceChanged,
                path.clone(),
                word(expected.unlogged),
                word(actual.unlogged),
            );
        }
        if expected.options != actual.options {
            let text = |options: &[String]| (!options.is_empty()).then(|| options.join(", "));
            self.add(
                Code::OptionChanged,
                path,
                text(&expected.options),
                text(&actual.options),
            );
        }
    }
}

fn describe(table: &Table) -> String {
    let columns: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    format!("a table ({})", columns.join(", "))
}

fn partitioning(table: &Table) -> String {
    let mut parts = Vec::new();
    if let Some(key) = &table.partition_key {
        parts.push(format!("PARTITION BY {key}"));
    }
    if let Some(of) = &table.partition_of {
        parts.push(format!("PARTITION OF {} {}", of.parent, of.bound));
    }
    if !table.inherits.is_empty() {
        let parents: Vec<String> = table.inherits.iter().map(ToString::to_string).collect();
        parts.push(format!("INHERITS ({})", parents.join(", ")));
    }
    if parts.is_empty() {
        "a table of its own".to_owned()
    } else {
        parts.join(" ")
    }
}
