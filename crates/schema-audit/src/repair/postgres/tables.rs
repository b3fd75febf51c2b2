//! Schemas and tables as a whole.

use std::fmt::Write as _;

use std::collections::BTreeSet;

use super::{
    super::{Hazard, label},
    member::{Member, members},
    partitions::{above, parents},
    planner::{Phase, Planner, is_at},
    sql::{comment, ident, object, option, option_name},
};
use crate::{
    compare::Code,
    schema::{ObjectName, Schema, Table},
};

impl<'a> Planner<'a> {
    pub(super) fn schemas(&mut self) {
        for finding in self.of(&[Code::SchemaMissing]) {
            let sql = format!("CREATE SCHEMA {}", ident(&finding.object.object));
            self.step(Phase::Schemas, sql, &[label(finding)], &[]);
        }
        for finding in self.of(&[Code::SchemaUnexpected]) {
            self.drop_schema(&finding.object.object, &[label(finding)]);
        }
    }

    /// Its tables, types and sequences are findings of their own; what is not
    /// compared is not dropped.
    fn drop_schema(&mut self, schema: &str, labels: &[String]) {
        let prefix = format!("{schema}.");
        let stays = self.actual.unmodelled.iter().filter(|u| {
            u.table.is_none() && u.name.starts_with(&prefix) && u.kind != "default privileges"
        });
        let stays: Vec<String> = stays.map(|u| format!("{} {}", u.kind, u.name)).collect();
        if stays.is_empty() {
            let sql = format!("DROP SCHEMA {}", ident(schema));
            self.destroy(Phase::DropSchemas, sql, labels, &[]);
        } else {
            let reason = format!("it has {}; drop that first", stays.join(", "));
            self.refuse(labels, &reason);
        }
    }

    pub(super) fn tables(&mut self) {
        let mut missing: Vec<(&'a Table, String)> = Vec::new();
        for finding in self.of(&[Code::TableMissing]) {
            if let Some(table) = self.expected_table(&finding.object) {
                missing.push((table, label(finding)));
            }
        }
        // Parents first.
        missing.sort_by_key(|(table, _)| above(self.expected, table).len());
        for (table, label) in missing {
            self.create_table(table, &[label]);
        }
        let mut unexpected: Vec<(&'a Table, String)> = Vec::new();
        for finding in self.of(&[Code::TableUnexpected]) {
            if let Some(table) = self.actual_table(&finding.object) {
                unexpected.push((table, label(finding)));
            }
        }
        unexpected.sort_by_key(|(t, _)| std::cmp::Reverse(above(self.actual, t).len()));
        let new_names = self.new_names();
        let gone: BTreeSet<ObjectName> = unexpected.iter().map(|(t, _)| t.name.clone()).collect();
        for (table, label) in unexpected {
            self.drop_table(table, &[label], &gone, &new_names);
        }
        self.persistence();
        self.options();
    }

    fn create_table(&mut self, table: &'a Table, labels: &[String]) {
        let partition = table.partition_of.is_some();
        // A partition is made as a table of its own and attached when it has all
        // that its parent asks for: its constraints and indexes keep their names.
        let own = |inherited: bool| partition || !inherited;
        let columns = table.columns.iter().filter(|c| own(c.inherited));
        let mut parts: Vec<String> = columns.map(|c| self.column_sql(&table.name, c)).collect();
        for member in members(table).into_iter().filter(|m| own(m.inherited())) {
            match member {
                Member::Index(_) => self.new_member(table, member, labels),
                Member::ForeignKey(key) if !key.inherited => self.new_member(table, member, labels),
                Member::ForeignKey(_) => {}
                Member::Check(check) if check.not_valid => self.new_member(table, member, labels),
                _ => {
                    parts.push(member.clause());
                    self.member_comment(&table.name, member, labels);
                }
            }
        }
        let mut sql = format!(
            "CREATE {}TABLE {} ({})",
            if table.unlogged { "UNLOGGED " } else { "" },
            object(&table.name),
            parts.join(", ")
        );
        if !table.inherits.is_empty() {
            let parents: Vec<String> = table.inherits.iter().map(object).collect();
            let _ = write!(sql, " INHERITS ({})", parents.join(", "));
        }
        if let Some(key) = &table.partition_key {
            let _ = write!(sql, " PARTITION BY {key}");
        }
        if !table.options.is_empty() {
            let options: Vec<String> = table.options.iter().map(|o| option(o)).collect();
            let _ = write!(sql, " WITH ({})", options.join(", "));
        }
        self.step(Phase::Tables, sql, labels, &[]);
        if let Some(of) = &table.partition_of {
            self.attach(table, of, labels);
        }
        self.new_table_rest(table, labels);
    }

    /// What a new table has beside its definition: comments, and what its columns
    /// have otherwise than those of its parents.
    fn new_table_rest(&mut self, table: &'a Table, labels: &[String]) {
        if table.comment.is_some() {
            self.table_comment(table, labels);
        }
        for column in &table.columns {
            self.column_comment(&table.name, column, labels, false);
        }
        let mut inherited = table
            .columns
            .iter()
            .filter(|c| c.inherited)
            .collect::<Vec<_>>();
        inherited.retain(|_| table.partition_of.is_none());
        for column in inherited {
            let parents = table.inherits.iter().filter_map(|p| self.expected.table(p));
            let parents: Vec<_> = parents.filter_map(|p| p.column(&column.name)).collect();
            let alter = super::columns::alter(table, column);
            if column.generated.is_none() && parents.iter().all(|p| p.default != column.default) {
                let sql = match &column.default {
                    Some(default) => format!("{alter} SET DEFAULT {default}"),
                    None => format!("{alter} DROP DEFAULT"),
                };
                self.step(Phase::Defaults, sql, labels, &[]);
            }
            if !column.nullable && parents.iter().all(|p| p.nullable) {
                let sql = format!("{alter} SET NOT NULL");
                self.step(Phase::Nullability, sql, labels, &[]);
            }
        }
    }

    fn new_member(&mut self, table: &'a Table, member: Member<'a>, labels: &[String]) {
        let labels = labels.to_vec();
        self.adds.push(super::members::Change {
            table,
            member,
            labels,
        });
    }

    pub(super) fn table_comment(&mut self, table: &Table, labels: &[String]) {
        let text = comment(table.comment.as_ref());
        let sql = format!("COMMENT ON TABLE {} IS {text}", object(&table.name));
        self.step(Phase::Comments, sql, labels, &[]);
    }

    /// The names among tables, indexes and sequences that something new takes.
    fn new_names(&self) -> BTreeSet<ObjectName> {
        let mut names = BTreeSet::new();
        let beside = super::sql::beside;
        for table in &self.expected.tables {
            let actual = self.actual.table(&table.name);
            if actual.is_none() {
                names.insert(table.name.clone());
            }
            for member in members(table).into_iter().filter(|m| m.is_relation()) {
                let there =
                    actual.is_some_and(|t| members(t).iter().any(|m| m.name() == member.name()));
                if let (false, Some(name)) = (there, member.name()) {
                    names.insert(beside(&table.name, name));
                }
            }
        }
        let there = |name: &ObjectName| self.actual.sequences.iter().any(|s| s.name == *name);
        let sequences = self.expected.sequences.iter().map(|s| &s.name);
        names.extend(sequences.filter(|name| !there(name)).cloned());
        names
    }

    fn drop_table(
        &mut self,
        table: &'a Table,
        labels: &[String],
        gone: &BTreeSet<ObjectName>,
        new_names: &BTreeSet<ObjectName>,
    ) {
        let held = self.held_by(&table.name, None);
        if let Some(reason) = held.or_else(|| self.needed_by_what_stays(table, gone)) {
            self.refuse(labels, &reason);
            return;
        }
        let names = names_of(table, self.actual);
        let early = names.iter().any(|name| new_names.contains(name));
        let (before, phase) = if early {
            (Phase::DropForeignKeys, Phase::EarlyDrops)
        } else {
            (Phase::DropTableKeys, Phase::DropTables)
        };
        let lock = [Hazard::AccessExclusiveLock];
        for other in self.actual.tables.iter().filter(|t| gone.contains(&t.name)) {
            for key in &other.foreign_keys {
                let points = key.references == table.name && other.name != table.name;
                if let (true, false, Some(name)) = (points, key.inherited, &key.name) {
                    let sql = format!(
                        "ALTER TABLE {} DROP CONSTRAINT {}",
                        object(&other.name),
                        ident(name)
                    );
                    let known = self
                        .drops
                        .iter()
                        .any(|c| c.table.name == other.name && c.member == Member::ForeignKey(key));
                    if !known {
                        self.destroy(before, sql, labels, &lock);
                    }
                }
            }
        }
        self.keep_sequences_of(table, labels);
        let sql = format!("DROP TABLE {}", object(&table.name));
        self.destroy(phase, sql, labels, &lock);
    }

    /// Why a table can't be dropped without something that nobody asked to drop.
    fn needed_by_what_stays(&self, table: &Table, gone: &BTreeSet<ObjectName>) -> Option<String> {
        let leaves = self.of(&[Code::PartitionChanged]);
        let mut below = self.actual.tables.iter().filter(|child| {
            parents(child).any(|parent| *parent == table.name)
                && !gone.contains(&child.name)
                && !leaves.iter().any(|f| is_at(&f.object, &child.name))
        });
        if let Some(child) = below.next() {
            return Some(format!(
                "{} is below it and would go too; ask for that by name as well, or detach it",
                child.name
            ));
        }
        for other in &self.actual.tables {
            if other.name == table.name || gone.contains(&other.name) {
                continue;
            }
            for key in other.foreign_keys.iter().filter(|key| !key.inherited) {
                let dropped = |c: &super::members::Change<'_>| {
                    c.table.name == other.name && c.member == Member::ForeignKey(key)
                };
                if key.references == table.name && !self.drops.iter().any(dropped) {
                    return Some(format!(
                        "a foreign key of {} points to it and stays; drop that first",
                        other.name
                    ));
                }
            }
        }
        None
    }

    fn persistence(&mut self) {
        for finding in self.of(&[Code::PersistenceChanged]) {
            let Some(table) = self.expected_table(&finding.object) else {
                continue;
            };
            if table.partition_key.is_some() {
                let reason = "PostgreSQL does not change it for a partitioned table; its \
                     partitions, which have the rows, have their own";
                self.refuse(&[label(finding)], reason);
                continue;
            }
            let word = if table.unlogged { "UNLOGGED" } else { "LOGGED" };
            let sql = format!("ALTER TABLE {} SET {word}", object(&table.name));
            let mut hazards = vec![Hazard::AccessExclusiveLock, Hazard::TableRewrite];
            if table.unlogged {
                // Not at once, but at the next crash; nor are standbys sent the
                // rows. That can be taken back until then, so it is planned
                // without being asked for by name.
                hazards.push(Hazard::DataLoss);
            }
            self.step(Phase::Options, sql, &[label(finding)], &hazards);
        }
    }

    fn options(&mut self) {
        for finding in self.of(&[Code::OptionChanged]) {
            let (Some(wanted), Some(found)) = (
                self.expected_table(&finding.object),
                self.actual_table(&finding.object),
            ) else {
                continue;
            };
            let labels = [label(finding)];
            let alter = format!("ALTER TABLE {}", object(&wanted.name));
            let name = |o: &str| o.split('=').next().unwrap_or(o).to_owned();
            let kept: Vec<String> = wanted.options.iter().map(|o| name(o)).collect();
            let gone = found.options.iter().map(|o| name(o));
            let gone: Vec<String> = gone
                .filter(|n| !kept.contains(n))
                .map(|n| option_name(&n))
                .collect();
            let new = wanted.options.iter().filter(|o| !found.options.contains(o));
            let new: Vec<String> = new.map(|o| option(o)).collect();
            for (verb, list) in [("RESET", gone), ("SET", new)] {
                if !list.is_empty() {
                    let sql = format!("{alter} {verb} ({})", list.join(", "));
                    self.step(Phase::Options, sql, &labels, &[]);
                }
            }
        }
    }
}

/// The names among tables, indexes and sequences that a table has and that are
/// free when it is dropped.
pub(super) fn names_of(table: &Table, schema: &Schema) -> Vec<ObjectName> {
    let mut names: Vec<ObjectName> = vec![table.name.clone()];
    let own = members(table).into_iter().filter(|m| m.is_relation());
    names.extend(own.filter_map(|m| Some(super::sql::beside(&table.name, m.name()?))));
    let owned = schema.sequences.iter().filter(|s| {
        let owner = s.owned_by.as_ref();
        owner.is_some_and(|owner| owner.table == table.name)
    });
    names.extend(owned.map(|s| s.name.clone()));
    names
}
