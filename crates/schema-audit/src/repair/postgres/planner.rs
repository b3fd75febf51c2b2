//! The steps of a repair while they are collected.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{Destructive, Hazard, Options, Statement, label},
    dependents::Dependent,
    members::Change,
    missing::Missing,
    partitions::parents,
    sql::{has_constant, mentions},
};
use crate::{
    compare::{Code, Finding},
    schema::{ObjectName, ObjectPath, Schema, Table},
};

/// When a step runs: the order of dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Schemas,
    DropForeignKeys,
    /// Drops of what bears a name that something new needs.
    EarlyDrops,
    Detach,
    DropMembers,
    /// Defaults, generated columns and identities that are in the way.
    Clear,
    Types,
    Sequences,
    Tables,
    AddColumns,
    ChangeTypes,
    AddGenerated,
    DropOldTypes,
    Defaults,
    Fill,
    Nullability,
    Identity,
    Owners,
    Options,
    Keys,
    Checks,
    Indexes,
    Attach,
    ForeignKeys,
    Validate,
    Comments,
    DropColumns,
    DropTableKeys,
    DropTables,
    DropSequences,
    DropTypes,
    DropSchemas,
}

/// Why a column can't stay as it is while the steps run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Touch {
    /// It gets another type.
    Retyped,
    /// It is dropped and added again.
    Remade,
}

/// Turns findings into steps.
pub(super) struct Planner<'a> {
    pub(super) expected: &'a Schema,
    pub(super) actual: &'a Schema,
    pub(super) findings: Vec<&'a Finding>,
    pub(super) dependents: &'a [Dependent],
    /// Enumerated types that can't be extended in place.
    pub(super) replaced: &'a BTreeSet<ObjectName>,
    pub(super) touched: BTreeMap<(ObjectName, String), (Touch, Vec<String>)>,
    pub(super) drops: Vec<Change<'a>>,
    pub(super) adds: Vec<Change<'a>>,
    /// Values that are added to enumerated types in place.
    pub(super) new_values: Vec<(ObjectName, String)>,
    /// Labels that go with every step that mends one of some others.
    pub(super) shared: Vec<(Vec<String>, Vec<String>)>,
    /// The tables right below each table, on either side.
    children: BTreeMap<&'a ObjectName, BTreeSet<&'a ObjectName>>,
    steps: Vec<(Phase, Statement)>,
    refused: BTreeMap<String, String>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(
        expected: &'a Schema,
        actual: &'a Schema,
        findings: Vec<&'a Finding>,
        options: &'a Options,
        replaced: &'a BTreeSet<ObjectName>,
    ) -> Self {
        Self {
            expected,
            actual,
            findings,
            dependents: &options.dependents,
            replaced,
            touched: BTreeMap::new(),
            drops: Vec::new(),
            adds: Vec::new(),
            new_values: Vec::new(),
            shared: Vec::new(),
            children: children([expected, actual]),
            steps: Vec::new(),
            refused: BTreeMap::new(),
        }
    }

    /// Collects the steps for all findings.
    pub(super) fn run(&mut self) {
        self.touch_columns();
        self.change_members();
        self.schemas();
        self.types();
        self.sequences();
        self.tables();
        self.partitions();
        self.columns();
        self.member_steps();
        self.comments();
        for (with, labels) in std::mem::take(&mut self.shared) {
            for (_, statement) in &mut self.steps {
                if statement.mends.iter().any(|label| with.contains(label)) {
                    statement.mends.extend(labels.clone());
                    statement.mends.sort();
                    statement.mends.dedup();
                }
            }
        }
    }

    pub(super) fn step(&mut self, phase: Phase, sql: String, mends: &[String], costs: &[Hazard]) {
        self.push(phase, sql, mends, costs, false);
    }

    /// A step that destroys what can't be got back.
    pub(super) fn destroy(&mut self, phase: Phase, sql: String, mends: &[String], cost: &[Hazard]) {
        let mut hazards = cost.to_vec();
        hazards.push(Hazard::DataLoss);
        self.push(phase, sql, mends, &hazards, true);
    }

    fn push(&mut self, phase: Phase, sql: String, mends: &[String], costs: &[Hazard], lost: bool) {
        let mut hazards = costs.to_vec();
        hazards.sort();
        hazards.dedup();
        let mut mends = mends.to_vec();
        mends.sort();
        mends.dedup();
        let known = self
            .steps
            .iter_mut()
            .find(|(at, s)| *at == phase && s.sql == sql);
        if let Some((_, statement)) = known {
            statement.mends.extend(mends);
            statement.mends.sort();
            statement.mends.dedup();
            return;
        }
        let statement = Statement {
            sql,
            hazards,
            mends,
            destructive: lost,
            left_out: false,
        };
        self.steps.push((phase, statement));
    }

    pub(super) fn refuse(&mut self, labels: &[String], reason: &str) {
        for label in labels {
            self.refused
                .entry(label.clone())
                .or_insert_with(|| reason.to_owned());
        }
    }

    /// The steps with their phases, in the order in which they were planned.
    pub(super) fn into_steps(self) -> Vec<(Phase, Statement)> {
        self.steps
    }

    /// The findings whose statements destroy something and were not asked for.
    pub(super) fn unwanted(&self, wanted: &Destructive) -> BTreeSet<String> {
        let statements = self.steps.iter().map(|(_, statement)| statement);
        let unwanted = statements.filter(|s| s.destructive && !wanted.wants(&s.mends));
        unwanted.flat_map(|s| s.mends.clone()).collect()
    }

    /// The planned statements.
    pub(super) fn planned(&self) -> impl Iterator<Item = &Statement> {
        self.steps.iter().map(|(_, statement)| statement)
    }

    /// What can't be repaired: refused while the steps were collected, in need of
    /// something that nobody creates, or not known to any step.
    pub(super) fn refusals(&self) -> BTreeMap<String, String> {
        let mut refused = self.refused.clone();
        let missing = Missing::between(self.expected, self.actual);
        for (_, statement) in &self.steps {
            if let Some(reason) = missing.needed_by(&statement.sql) {
                for label in &statement.mends {
                    refused
                        .entry(label.clone())
                        .or_insert_with(|| reason.clone());
                }
            }
        }
        let mended: BTreeSet<&String> = self.steps.iter().flat_map(|(_, s)| &s.mends).collect();
        for finding in &self.findings {
            let label = label(finding);
            if !mended.contains(&label) {
                let reason = "no repair is known for this difference; mend it by hand";
                refused.entry(label).or_insert_with(|| reason.to_owned());
            }
        }
        refused
    }

    /// Enumerated types with a new value that a later step uses: PostgreSQL does
    /// not allow that in the transaction that adds the value.
    pub(super) fn values_used_at_once(&self) -> BTreeSet<ObjectName> {
        let used = |name: &ObjectName, value: &str| {
            self.steps.iter().any(|(phase, statement)| {
                *phase > Phase::Types
                    && has_constant(&statement.sql, value)
                    && mentions(&statement.sql, &name.name)
            })
        };
        let values = self.new_values.iter().filter(|(name, v)| used(name, v));
        values.map(|(name, _)| name.clone()).collect()
    }

    /// The names of all tables below a table on either side.
    pub(super) fn below(&self, name: &ObjectName) -> BTreeSet<&'a ObjectName> {
        let mut below: BTreeSet<&'a ObjectName> = BTreeSet::new();
        let mut open = vec![name];
        while let Some(name) = open.pop() {
            for &child in self.children.get(name).into_iter().flatten() {
                if below.insert(child) {
                    open.push(child);
                }
            }
        }
        below
    }

    /// The findings of these codes.
    pub(super) fn of(&self, codes: &[Code]) -> Vec<&'a Finding> {
        let chosen = self.findings.iter().filter(|f| codes.contains(&f.code));
        chosen.copied().collect()
    }

    pub(super) fn expected_table(&self, path: &ObjectPath) -> Option<&'a Table> {
        self.expected.tables.iter().find(|t| is_at(path, &t.name))
    }

    pub(super) fn actual_table(&self, path: &ObjectPath) -> Option<&'a Table> {
        self.actual.tables.iter().find(|t| is_at(path, &t.name))
    }

    /// Why this column, or the whole table, can't be touched, if it can't.
    pub(super) fn held_by(&self, table: &ObjectName, column: Option<&str>) -> Option<String> {
        let holds = |d: &&Dependent| {
            d.table == *table
                && match column {
                    Some(column) => d.column.as_deref() == Some(column),
                    None => d.holds_table,
                }
        };
        let mut all: Vec<String> = self.dependents.iter().filter(holds).map(named).collect();
        all.dedup();
        if all.is_empty() {
            return None;
        }
        let what = column.map_or_else(|| table.to_string(), |column| format!("{table}.{column}"));
        Some(format!(
            "{} depends on {what}; drop it, run the repair, and create it again",
            all.join(", ")
        ))
    }
}

fn children(schemas: [&Schema; 2]) -> BTreeMap<&ObjectName, BTreeSet<&ObjectName>> {
    let mut children: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for table in schemas.into_iter().flat_map(|schema| &schema.tables) {
        for parent in parents(table) {
            children.entry(parent).or_default().insert(&table.name);
        }
    }
    children
}

fn named(dependent: &Dependent) -> String {
    format!("{} {}", dependent.kind, dependent.name)
}

/// Whether a path leads to this object. A name without a schema is in the
/// audited one, which a path may name.
pub(super) fn is_at(path: &ObjectPath, name: &ObjectName) -> bool {
    path.object == name.name && (name.schema.is_none() || name.schema == path.schema)
}
