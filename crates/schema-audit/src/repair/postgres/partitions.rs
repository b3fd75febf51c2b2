//! Partitions and inheritance.

use super::{
    super::{Hazard, label},
    member::{Member, members},
    members::{Change, partner},
    planner::{Phase, Planner},
    sql::{ident, object},
};
use crate::{
    compare::Code,
    schema::{ObjectName, PartitionOf, Schema, Table},
};

impl<'a> Planner<'a> {
    /// The tables above a table on either side.
    pub(super) fn ancestors(&self, name: &ObjectName) -> Vec<ObjectName> {
        let mut all = Vec::new();
        for schema in [self.expected, self.actual] {
            if let Some(table) = schema.table(name) {
                all.extend(above(schema, table));
            }
        }
        all.sort();
        all.dedup();
        all
    }

    /// The tables below a table on either side, parents before their children.
    pub(super) fn descendants(&self, name: &ObjectName) -> Vec<ObjectName> {
        let mut below: Vec<ObjectName> = self.below(name).into_iter().cloned().collect();
        // By name already.
        below.sort_by_cached_key(|name| self.ancestors(name).len());
        below
    }

    pub(super) fn partitions(&mut self) {
        for finding in self.of(&[Code::PartitionChanged]) {
            let (Some(wanted), Some(found)) = (
                self.expected_table(&finding.object),
                self.actual_table(&finding.object),
            ) else {
                continue;
            };
            let labels = [label(finding)];
            if wanted.partition_key != found.partition_key {
                let reason = "PostgreSQL does not change what a table is partitioned by; create \
                     a new table, copy the rows, and rename it";
                self.refuse(&labels, reason);
                continue;
            }
            self.repartition(wanted, found, &labels);
        }
    }

    fn repartition(&mut self, wanted: &'a Table, found: &'a Table, labels: &[String]) {
        let lock = [Hazard::AccessExclusiveLock];
        if wanted.partition_of != found.partition_of {
            if let Some(of) = &found.partition_of {
                let sql = format!(
                    "ALTER TABLE {} DETACH PARTITION {}",
                    object(&of.parent),
                    object(&found.name)
                );
                self.step(Phase::Detach, sql, labels, &lock);
            }
            if let Some(of) = &wanted.partition_of {
                self.attach(wanted, of, labels);
            }
        }
        for parent in found
            .inherits
            .iter()
            .filter(|p| !wanted.inherits.contains(p))
        {
            let sql = format!(
                "ALTER TABLE {} NO INHERIT {}",
                object(&found.name),
                object(parent)
            );
            self.step(Phase::Detach, sql, labels, &lock);
        }
        for parent in wanted
            .inherits
            .iter()
            .filter(|p| !found.inherits.contains(p))
        {
            let sql = format!(
                "ALTER TABLE {} INHERIT {}",
                object(&found.name),
                object(parent)
            );
            self.step(Phase::Attach, sql, labels, &lock);
        }
        let leaves = found.partition_of.is_some() && wanted.partition_of != found.partition_of;
        if leaves {
            self.settle_left(wanted, found, labels);
        }
        self.settle_joined(wanted, found, labels);
    }

    /// A table that was detached keeps copies of its parent's constraints and
    /// indexes.
    fn settle_left(&mut self, wanted: &'a Table, found: &'a Table, labels: &[String]) {
        let mut copies: Vec<Member<'_>> = members(found);
        copies.retain(|member| member.inherited());
        let named = |m: &Member<'_>| partner(*m, wanted).is_some_and(|p| p.name() == m.name());
        copies.sort_by_key(|member| !named(member));
        let own = members(found).into_iter().filter(|m| !m.inherited());
        let mut kept: Vec<Member<'_>> = own.filter_map(|m| partner(m, wanted)).collect();
        for member in copies {
            match partner(member, wanted) {
                Some(partner) if !kept.contains(&partner) => kept.push(partner),
                _ => {
                    if let Some(sql) = member.drop_sql(&found.name) {
                        let lock = [Hazard::AccessExclusiveLock];
                        self.step(Phase::DropMembers, sql, labels, &lock);
                    }
                }
            }
        }
    }

    /// Dropping a partitioned table's key or index drops the copies that its
    /// partitions have; where those should have one of their own, it is made.
    pub(super) fn keep_own_copies(&mut self) {
        for drop in self.drops.clone() {
            for below in self.descendants(&drop.table.name) {
                let tables = (self.expected.table(&below), self.actual.table(&below));
                let (Some(wanted), Some(found)) = tables else {
                    continue;
                };
                for copy in members(found).into_iter().filter(|m| m.inherited()) {
                    let own = partner(copy, wanted).filter(|own| !own.inherited());
                    if let (true, Some(own)) = (copy.is_copy_of(drop.member), own) {
                        self.add_member(wanted, Some(own), drop.labels.clone());
                    }
                }
            }
        }
    }

    /// A table that is to be attached needs its parent's checks before.
    fn settle_joined(&mut self, wanted: &'a Table, found: &'a Table, labels: &[String]) {
        for member in members(wanted).into_iter().filter(|m| m.inherited()) {
            if matches!(member, Member::Check(_)) && partner(member, found).is_none() {
                let labels = labels.to_vec();
                self.adds.push(Change {
                    table: wanted,
                    member,
                    labels,
                });
            }
        }
    }

    pub(super) fn attach(&mut self, table: &Table, of: &PartitionOf, labels: &[String]) {
        let sql = format!(
            "ALTER TABLE {} ATTACH PARTITION {} {}",
            object(&of.parent),
            object(&table.name),
            of.bound
        );
        let hazards = if self.actual.table(&table.name).is_some() {
            vec![
                Hazard::AccessExclusiveLock,
                Hazard::TableScan,
                Hazard::MayFail,
            ]
        } else {
            Vec::new()
        };
        self.step(Phase::Attach, sql, labels, &hazards);
        for column in &table.columns {
            let parent = self.expected.table(&of.parent);
            let same = parent.and_then(|p| p.column(&column.name));
            // Attached last, so that its own defaults stay.
            if same.is_some_and(|c| c.default != column.default) && column.default.is_some() {
                let sql = format!(
                    "ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {}",
                    object(&table.name),
                    ident(&column.name),
                    column.default.as_deref().unwrap_or("NULL")
                );
                self.step(Phase::Defaults, sql, labels, &[]);
            }
        }
    }

    /// Adds labels to the steps that mend these others.
    pub(super) fn share(&mut self, with: &[String], labels: &[String]) {
        self.shared.push((with.to_vec(), labels.to_vec()));
    }
}

/// The tables right above a table.
pub(super) fn parents(table: &Table) -> impl Iterator<Item = &ObjectName> {
    let partition = table.partition_of.iter().map(|of| &of.parent);
    partition.chain(&table.inherits)
}

/// The tables that a table is a partition of or inherits from, nearest first.
pub(super) fn above(schema: &Schema, table: &Table) -> Vec<ObjectName> {
    let mut above: Vec<ObjectName> = Vec::new();
    let mut open: Vec<ObjectName> = parents(table).cloned().collect();
    while let Some(parent) = open.pop() {
        if above.contains(&parent) {
            continue;
        }
        if let Some(table) = schema.table(&parent) {
            open.extend(parents(table).cloned());
        }
        above.push(parent);
    }
    above
}
