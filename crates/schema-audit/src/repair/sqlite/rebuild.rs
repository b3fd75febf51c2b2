//! How one table becomes what it is to be: by statements of its own where SQLite
//! has them, by building it anew where it has not.

use super::{
    affinity, ddl,
    plan::statement,
    target::{Target, same_index},
};
use crate::{
    inspect::sqlite::ident::{self, literal, quote},
    repair::{Hazard, Statement},
    schema::{Column, Index, Schema, Table},
};

/// A table as it is and as it is to be.
pub(super) struct Change<'a> {
    pub(super) expected: &'a Schema,
    pub(super) actual: &'a Schema,
    pub(super) old: &'a Table,
    pub(super) target: &'a Target,
}

/// The statements of one table, by the stage of the plan that they belong to.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) drop_indexes: Vec<Statement>,
    pub(super) table: Vec<Statement>,
    pub(super) create_indexes: Vec<Statement>,
}

/// The ON CONFLICT clauses of NOT NULL in a table, which are listed beside the
/// model.
pub(super) fn conflicts(schema: &Schema, table: &str) -> ddl::Conflicts {
    schema
        .unmodelled
        .iter()
        .filter(|item| item.kind == "conflict clause" && item.table.as_deref() == Some(table))
        .filter_map(|item| {
            let column = item.name.strip_prefix(table)?.strip_prefix('.')?;
            let clause = item.definition.as_deref()?.rsplit_once(' ')?.1;
            Some((column.to_owned(), clause.to_owned()))
        })
        .collect()
}

impl Change<'_> {
    /// The statements, or why there are none.
    pub(super) fn parts(&self) -> Result<Parts, String> {
        let table = &self.target.table;
        if self.body_is_same() {
            return self.indexes();
        }
        if let Some(added) = self.added() {
            let mut parts = self.indexes()?;
            for column in added {
                let sql = ddl::add_column(self.old, column);
                parts.table.push(statement(sql, &[], &self.target.mends));
            }
            return Ok(parts);
        }
        if self.unreadable(&self.old.name.name) {
            return Err(
                "the stored definition could not be read, so the table cannot be built anew from \
                 it: do it by hand"
                    .to_owned(),
            );
        }
        if let Some(reason) = affinity::not_strict(table) {
            return Err(reason);
        }
        self.rebuild()
    }

    fn unreadable(&self, table: &str) -> bool {
        self.actual
            .unmodelled
            .iter()
            .any(|item| item.kind == "unparsed definition" && item.table.as_deref() == Some(table))
    }

    fn body_is_same(&self) -> bool {
        let table = &self.target.table;
        self.constraints_are_same()
            && self.target.dropped.is_empty()
            && table.name == self.old.name
            && table.columns.len() == self.old.columns.len()
            && table
                .columns
                .iter()
                .all(|column| self.old.column(&column.name) == Some(column))
    }

    fn constraints_are_same(&self) -> bool {
        let (table, old) = (&self.target.table, self.old);
        table.primary_key == old.primary_key
            && table.uniques == old.uniques
            && table.foreign_keys == old.foreign_keys
            && table.checks == old.checks
            && table.options == old.options
    }

    /// The columns that ADD COLUMN can add, if nothing else changes.
    fn added(&self) -> Option<Vec<&Column>> {
        let table = &self.target.table;
        if !self.constraints_are_same()
            || !self.target.dropped.is_empty()
            || table.name != self.old.name
        {
            return None;
        }
        let mut added = Vec::new();
        for column in &table.columns {
            let source = self.source(&column.name);
            match source.and_then(|name| self.old.column(name)) {
                Some(old) if old == column => {}
                None if addable(column) => added.push(column),
                _ => return None,
            }
        }
        Some(added)
    }

    fn source(&self, column: &str) -> Option<&str> {
        self.target
            .sources
            .iter()
            .find(|(name, _)| name == column)
            .and_then(|(_, source)| source.as_deref())
    }

    /// The indexes alone.
    fn indexes(&self) -> Result<Parts, String> {
        let (wanted, old) = (&self.target.table.indexes, &self.old.indexes);
        let has = |list: &[Index], index: &Index| {
            list.iter()
                .any(|other| other.name == index.name && same_index(other, index))
        };
        let mut parts = Parts::default();
        for index in old.iter().filter(|index| !has(wanted, index)) {
            let sql = format!("DROP INDEX {}", quote(&index.name));
            parts
                .drop_indexes
                .push(statement(sql, &[], &self.target.mends));
        }
        for index in wanted.iter().filter(|index| !has(old, index)) {
            parts.create_indexes.push(self.create_index(index)?);
        }
        Ok(parts)
    }

    fn create_index(&self, index: &Index) -> Result<Statement, String> {
        self.free_name(index)?;
        let sql = ddl::create_index(&self.target.table.name.name, index);
        let mut hazards = vec![Hazard::IndexBuild];
        if index.unique {
            hazards.push(Hazard::MayFail);
        }
        Ok(statement(sql, &hazards, &self.target.mends))
    }

    /// Indexes of all tables share their names.
    fn free_name(&self, index: &Index) -> Result<(), String> {
        let other = self.actual.tables.iter().find(|table| {
            table.name != self.old.name
                && table
                    .indexes
                    .iter()
                    .any(|i| ident::same(&i.name, &index.name))
                && self.expected.tables.iter().any(|wanted| {
                    wanted.name == table.name
                        && wanted
                            .indexes
                            .iter()
                            .any(|i| ident::same(&i.name, &index.name))
                })
        });
        other.map_or(Ok(()), |table| {
            Err(format!(
                "an index `{}` is on the table `{}`: drop or rename that first",
                index.name, table.name
            ))
        })
    }

    fn rebuild(&self) -> Result<Parts, String> {
        let (table, mends) = (&self.target.table, &self.target.mends);
        let (old, new) = (&self.old.name.name, &table.name.name);
        let temporary = self.temporary_name();
        let destroys = self.target.lossy || !self.target.dropped.is_empty();
        let mut parts = Parts::default();
        let mut push = |sql: String, hazards: &[Hazard], destructive: bool| {
            parts.table.push(Statement {
                destructive,
                ..statement(sql, hazards, mends)
            });
        };
        let conflicts = self.kept_conflicts();
        push(ddl::create_table(&temporary, table, &conflicts), &[], false);
        let (copy, hazards) = self.copy(&temporary);
        push(copy, &hazards, destroys && self.target.lossy);
        for sql in self.sequence(&temporary) {
            push(sql, &[], false);
        }
        let loss: &[Hazard] = if destroys { &[Hazard::DataLoss] } else { &[] };
        push(format!("DROP TABLE {}", quote(old)), loss, destroys);
        let rename = format!("ALTER TABLE {} RENAME TO {}", quote(&temporary), quote(new));
        push(rename, &[], false);
        for index in &table.indexes {
            parts.create_indexes.push(self.create_index(index)?);
        }
        // Behind the indexes, where nothing of the plan fires them.
        for trigger in self.triggers() {
            parts.create_indexes.push(statement(trigger, &[], mends));
        }
        Ok(parts)
    }

    fn kept_conflicts(&self) -> ddl::Conflicts {
        let mut found = conflicts(self.actual, &self.old.name.name);
        found.extend(conflicts(self.expected, &self.target.table.name.name));
        found
    }

    fn triggers(&self) -> Vec<String> {
        self.actual
            .unmodelled
            .iter()
            .filter(|item| {
                item.kind == "trigger"
                    && item
                        .table
                        .as_deref()
                        .is_some_and(|table| ident::same(table, &self.old.name.name))
            })
            .filter_map(|item| item.definition.clone())
            .collect()
    }

    fn temporary_name(&self) -> String {
        let base = format!("_repair_{}", self.target.table.name.name);
        let taken = |name: &str| {
            self.actual
                .tables
                .iter()
                .chain(&self.expected.tables)
                .any(|table| {
                    ident::same(&table.name.name, name)
                        || table
                            .indexes
                            .iter()
                            .any(|index| ident::same(&index.name, name))
                })
                || self
                    .actual
                    .unmodelled
                    .iter()
                    .any(|item| ident::same(&item.name, name))
        };
        let mut name = base.clone();
        let mut number = 2;
        while taken(&name) {
            name = format!("{base}_{number}");
            number += 1;
        }
        name
    }

    /// Copies the rows. OR ABORT: a key that is to ignore or replace must not do
    /// so with rows that are there.
    fn copy(&self, temporary: &str) -> (String, Vec<Hazard>) {
        let table = &self.target.table;
        let (mut into, mut from) = (Vec::new(), Vec::new());
        let mut hazards = vec![Hazard::TableRewrite];
        if let Some(rowid) = self.kept_rowid() {
            into.push(rowid.to_owned());
            from.push(rowid.to_owned());
        }
        let mut may_fail = self.may_fail();
        // It gets a number by itself.
        let alias = ddl::rowid_alias(table).map(|column| &column.name);
        let is_rowid = |column: &Column| Some(&column.name) == alias;
        for column in table.columns.iter().filter(|c| c.generated.is_none()) {
            let old = self
                .source(&column.name)
                .and_then(|name| self.old.column(name));
            let Some(old) = old else {
                let default = column
                    .default
                    .as_deref()
                    .filter(|default| *default != "NULL");
                if !column.nullable && default.is_none() && !is_rowid(column) {
                    hazards.push(Hazard::NeedsEmptyTable);
                }
                continue;
            };
            into.push(quote(&column.name));
            let mut value = quote(&old.name);
            if old.nullable && !column.nullable {
                let default = column.default.as_deref();
                if let Some(default) = default.filter(|default| *default != "NULL") {
                    value = format!("coalesce({value}, {default})");
                    hazards.push(Hazard::FillsNulls);
                } else {
                    may_fail = true;
                }
            }
            from.push(value);
        }
        if self.target.lossy {
            hazards.push(Hazard::DataLoss);
        }
        if may_fail {
            hazards.push(Hazard::MayFail);
        }
        hazards.sort_unstable();
        hazards.dedup();
        let (source, list) = (quote(&self.old.name.name), into.join(", "));
        let sql = if into.is_empty() {
            // Nothing of the old rows is left but their number.
            format!("INSERT OR ABORT INTO {} DEFAULT VALUES", quote(temporary))
        } else {
            format!(
                "INSERT OR ABORT INTO {} ({list}) SELECT {} FROM {source}",
                quote(temporary),
                from.join(", ")
            )
        };
        (sql, hazards)
    }

    /// Whether rows that are there may break what is new.
    fn may_fail(&self) -> bool {
        let (table, old) = (&self.target.table, self.old);
        let strict = |table: &Table| table.options.iter().any(|option| option == "STRICT");
        table.uniques.iter().any(|key| !old.uniques.contains(key))
            || table.checks.iter().any(|check| !old.checks.contains(check))
            || table
                .foreign_keys
                .iter()
                .any(|key| !old.foreign_keys.contains(key))
            || (table.primary_key != old.primary_key && table.primary_key.is_some())
            || strict(table) && !strict(old)
    }

    /// The rowid under a name that no column takes, if it is no column of the
    /// new table: other tables (full text indexes) may know rows by it.
    fn kept_rowid(&self) -> Option<&'static str> {
        let table = &self.target.table;
        let without = |table: &Table| table.options.iter().any(|o| o == "WITHOUT ROWID");
        if without(table) || without(self.old) || ddl::rowid_alias(table).is_some() {
            return None;
        }
        let free = |name: &&&str| {
            let mut columns = table.columns.iter().chain(&self.old.columns);
            columns.all(|column| !ident::same(&column.name, name))
        };
        ["rowid", "_rowid_", "oid"].iter().find(free).copied()
    }

    /// Numbers that AUTOINCREMENT has given out are not given out again.
    fn sequence(&self, temporary: &str) -> Vec<String> {
        let counts = |table: &Table| table.primary_key.as_ref().is_some_and(|k| k.autoincrement);
        if !counts(self.old) || !counts(&self.target.table) {
            return Vec::new();
        }
        let (old, temporary) = (literal(&self.old.name.name), literal(temporary));
        vec![
            format!("DELETE FROM sqlite_sequence WHERE name = {temporary}"),
            format!(
                "INSERT INTO sqlite_sequence (name, seq) SELECT {temporary}, seq FROM \
                 sqlite_sequence WHERE name = {old}"
            ),
        ]
    }
}

/// Whether ADD COLUMN takes it, whatever rows are there.
fn addable(column: &Column) -> bool {
    if let Some(generated) = &column.generated {
        return !generated.stored && column.nullable;
    }
    match column.default.as_deref() {
        None | Some("NULL") => column.nullable,
        Some(default) => ddl::is_constant(default),
    }
}
