//! Columns that get another type, or are dropped and made again.

use std::fmt::Write as _;

use super::{
    super::{Hazard, label},
    cast,
    columns::{add_hazards, alter},
    planner::{Phase, Planner, Touch, is_at},
    sql::{array_suffix, has_constant, ident, is_type, mentions, object},
};
use crate::{
    compare::{Code, Finding},
    schema::{Column, Enum, ObjectName, Table},
};

const GENERATED: &[Code] = &[Code::GeneratedChanged];

impl Planner<'_> {
    /// Finds the columns that get another type or are made again, before
    /// anything is planned that depends on them.
    pub(super) fn touch_columns(&mut self) {
        for finding in self.of(&[Code::TypeChanged, Code::CollationChanged]) {
            self.touch(finding, Touch::Retyped);
        }
        for finding in self.of(GENERATED) {
            let expected = self.expected_table(&finding.object);
            let column = expected.and_then(|t| t.column(finding.object.member.as_deref()?));
            if column.is_some_and(|column| column.generated.is_some()) {
                self.touch(finding, Touch::Remade);
            }
        }
        self.touch_by_types();
        self.touch_generated();
        self.refuse_held();
    }

    fn touch(&mut self, finding: &Finding, touch: Touch) {
        if let (Some(table), Some(column)) =
            (self.actual_table(&finding.object), &finding.object.member)
        {
            self.touch_column(&table.name, column, touch, &[label(finding)]);
        }
    }

    pub(super) fn touch_column(
        &mut self,
        table: &ObjectName,
        column: &str,
        touch: Touch,
        labels: &[String],
    ) {
        let key = (table.clone(), column.to_owned());
        let entry = self.touched.entry(key).or_insert((touch, Vec::new()));
        entry.0 = entry.0.max(touch);
        for label in labels {
            if !entry.1.contains(label) {
                entry.1.push(label.clone());
            }
        }
    }

    /// A generated column has to go before the columns that it is computed from
    /// change, and comes back after them.
    fn touch_generated(&mut self) {
        for table in &self.actual.tables {
            for column in &table.columns {
                let Some(generated) = &column.generated else {
                    continue;
                };
                let causes: Vec<String> = self
                    .touched
                    .iter()
                    .filter(|((name, from), _)| {
                        *name == table.name && mentions(&generated.expression, from)
                    })
                    .flat_map(|(_, (_, labels))| labels.clone())
                    .collect();
                if !causes.is_empty() {
                    self.touch_column(&table.name, &column.name, Touch::Remade, &causes);
                }
            }
        }
    }

    fn refuse_held(&mut self) {
        for ((table, column), (_, labels)) in self.touched.clone() {
            if let Some(reason) = self.held_by(&table, Some(&column)) {
                self.refuse(&labels, &reason);
            }
        }
    }

    /// Types, and columns that are dropped and added again.
    pub(super) fn change_touched(&mut self) {
        for ((name, column), (touch, labels)) in self.touched.clone() {
            let Some(actual) = self.actual.table(&name) else {
                continue;
            };
            let Some(found) = actual.column(&column) else {
                continue;
            };
            let expected = self.expected.table(&name);
            let wanted = expected.and_then(|table| table.column(&column));
            if found.inherited && self.leads(actual, &column, &labels) {
                continue;
            }
            match touch {
                Touch::Remade => self.remake(actual, wanted, found, &labels),
                Touch::Retyped => self.retype(actual, wanted, found, &labels),
            }
        }
    }

    /// Whether a parent's statement changes the column too; it then mends these.
    fn leads(&mut self, table: &Table, column: &str, labels: &[String]) -> bool {
        for above in self.ancestors(&table.name) {
            let key = (above, column.to_owned());
            if let Some((_, causes)) = self.touched.get(&key) {
                let causes = causes.clone();
                self.share(&causes, labels);
                return true;
            }
        }
        false
    }

    fn remake(
        &mut self,
        table: &Table,
        wanted: Option<&Column>,
        found: &Column,
        labels: &[String],
    ) {
        let drop = format!(
            "ALTER TABLE {} DROP COLUMN {}",
            object(&table.name),
            ident(&found.name)
        );
        let hazards = [Hazard::AccessExclusiveLock];
        let column = wanted.unwrap_or(found);
        let add = format!(
            "ALTER TABLE {} ADD COLUMN {}",
            object(&table.name),
            self.column_sql(&table.name, column)
        );
        if found.generated.is_some() {
            self.step(Phase::Clear, drop, labels, &hazards);
            self.step(Phase::AddGenerated, add, labels, &add_hazards(column));
        } else {
            self.destroy(Phase::Clear, drop, labels, &hazards);
            self.destroy(Phase::AddGenerated, add, labels, &add_hazards(column));
        }
        self.column_comment(&table.name, column, labels, false);
    }

    fn retype(
        &mut self,
        table: &Table,
        wanted: Option<&Column>,
        found: &Column,
        labels: &[String],
    ) {
        let target = wanted.unwrap_or(found);
        let alter = alter(table, found);
        let lock = [Hazard::AccessExclusiveLock];
        if found.default.is_some() {
            self.step(Phase::Clear, format!("{alter} DROP DEFAULT"), labels, &lock);
        }
        let mut sql = format!("{alter} TYPE {}", target.data_type);
        if let Some(collation) = &target.collation {
            let _ = write!(sql, " COLLATE {collation}");
        }
        let swapped = self.swapped(&found.data_type);
        let local = self.actual.name.as_deref();
        let from = cast::Type::of(&found.data_type, self.actual, local);
        let to = cast::Type::of(&target.data_type, self.expected, local);
        let column = ident(&found.name);
        let using = if swapped && found.data_type == target.data_type {
            let suffix = array_suffix(&target.data_type);
            Some(format!("{column}::text{suffix}::{}", target.data_type))
        } else {
            cast::using(&column, &from, &to)
        };
        if let Some(using) = using {
            let _ = write!(sql, " USING {using}");
        }
        let hazards = if swapped {
            vec![
                Hazard::AccessExclusiveLock,
                Hazard::TableRewrite,
                Hazard::MayFail,
            ]
        } else {
            cast::hazards(&from, &to)
        };
        if hazards.contains(&Hazard::DataLoss) {
            self.destroy(Phase::ChangeTypes, sql, labels, &hazards);
        } else {
            self.step(Phase::ChangeTypes, sql, labels, &hazards);
        }
        if let Some(default) = &found.default {
            self.default_again(table, wanted, found, default, labels);
        }
    }

    /// The default of a column that gets another type, which it had to lose for
    /// that: the one that it is to have, or the one that it had, if nothing
    /// changes that.
    fn default_again(
        &mut self,
        table: &Table,
        wanted: Option<&Column>,
        found: &Column,
        had: &str,
        labels: &[String],
    ) {
        let about = |finding: &&Finding, column: bool| {
            is_at(&finding.object, &table.name)
                && (!column || finding.object.member.as_ref() == Some(&found.name))
        };
        let open = |code: Code, column: bool| {
            let findings = self.of(&[code]);
            findings.iter().any(|finding| about(finding, column))
        };
        if open(Code::ColumnUnexpected, true) || open(Code::TableUnexpected, false) {
            return;
        }
        let default = match wanted {
            Some(wanted) if open(Code::DefaultChanged, true) => wanted.default.as_deref(),
            Some(wanted) if wanted.default.is_some() => wanted.default.as_deref(),
            _ => Some(had),
        };
        let Some(default) = default else { return };
        if let Some(value) = self.lost_value(&found.data_type, default) {
            let reason = format!(
                "{}.{} stays and has the default {default}, but {value} is no value of the new \
                 type; change that default or drop the column first",
                table.name, found.name
            );
            self.refuse(labels, &reason);
            return;
        }
        let sql = format!("{} SET DEFAULT {default}", alter(table, found));
        let lock = [Hazard::AccessExclusiveLock];
        self.step(Phase::Defaults, sql, labels, &lock);
    }

    /// A value in a default that an enumerated type, replaced by a new one, has
    /// no more.
    fn lost_value(&self, data_type: &str, default: &str) -> Option<String> {
        let local = self.actual.name.as_deref();
        let of = |e: &&Enum| is_type(data_type, &e.name, local);
        let old = self.actual.enums.iter().find(of)?;
        let new = self.expected.enums.iter().find(|e| e.name == old.name)?;
        let gone = old.labels.iter().filter(|l| !new.labels.contains(l));
        let mut gone = gone.filter(|label| has_constant(default, label));
        gone.next().cloned()
    }

    /// Whether a type is one that this repair replaces by a new one.
    pub(super) fn swapped(&self, data_type: &str) -> bool {
        let local = self.actual.name.as_deref();
        let names = self.swaps();
        names
            .iter()
            .any(|(name, _)| is_type(data_type, name, local))
    }
}
