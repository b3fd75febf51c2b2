//! Columns.

use std::fmt::Write as _;

use super::{
    super::{Hazard, label},
    cast,
    planner::{Phase, Planner, Touch, is_at},
    sql::{
        Word, array_suffix, comment, has_constant, ident, is_type, mentions, object,
        sequence_options, words,
    },
};
use crate::{
    compare::{Code, Finding},
    schema::{Column, Enum, Identity, ObjectName, Table},
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

    pub(super) fn columns(&mut self) {
        for finding in self.findings.clone() {
            let Some(name) = finding.object.member.as_deref() else {
                continue;
            };
            let (Some(expected), Some(actual)) = (
                self.expected_table(&finding.object),
                self.actual_table(&finding.object),
            ) else {
                continue;
            };
            let labels = self.with_lead(finding, expected, actual);
            let Some(labels) = labels else { continue };
            match (finding.code, expected.column(name), actual.column(name)) {
                (Code::ColumnMissing, Some(column), _) => self.add_column(actual, column, &labels),
                (Code::ColumnUnexpected, _, Some(column)) => {
                    self.drop_column(actual, column, &labels);
                }
                (Code::NullabilityChanged, Some(column), Some(_)) => {
                    self.nullability(expected, column, &labels);
                }
                (Code::DefaultChanged, Some(column), Some(_)) => {
                    self.set_default(actual, column, &labels);
                }
                (Code::GeneratedChanged, Some(column), Some(_)) if column.generated.is_none() => {
                    self.drop_expression(actual, column, &labels);
                }
                (Code::IdentityChanged, Some(column), Some(found)) => {
                    self.identity(actual, column, found, &labels);
                }
                _ => {}
            }
        }
        self.change_touched();
    }

    /// The labels that a finding's statement mends: those of the same column in
    /// descendants too. `None` if it is the parent's statement that mends it.
    fn with_lead(
        &self,
        finding: &Finding,
        expected: &Table,
        actual: &Table,
    ) -> Option<Vec<String>> {
        let follows = matches!(
            finding.code,
            Code::ColumnMissing | Code::ColumnUnexpected | Code::GeneratedChanged
        );
        let name = finding.object.member.as_deref()?;
        let same = |other: &&Finding| {
            other.code == finding.code && other.object.member == finding.object.member
        };
        let table = if finding.code == Code::ColumnUnexpected {
            actual
        } else {
            expected
        };
        let inherited = table.column(name).is_some_and(|column| column.inherited);
        let above = self.ancestors(&table.name);
        let led = |f: &&Finding| above.iter().any(|name| is_at(&f.object, name));
        if follows && inherited && self.findings.iter().copied().any(|f| same(&f) && led(&f)) {
            return None;
        }
        let mut labels = vec![label(finding)];
        if follows {
            let below = self.descendants(&table.name);
            let is_below = |f: &&Finding| below.iter().any(|name| is_at(&f.object, name));
            let all = self.findings.iter().copied().filter(same).filter(is_below);
            labels.extend(all.map(label));
        }
        Some(labels)
    }

    fn add_column(&mut self, table: &Table, column: &Column, labels: &[String]) {
        let phase = if column.generated.is_some() {
            Phase::AddGenerated
        } else {
            Phase::AddColumns
        };
        let definition = self.column_sql(&table.name, column);
        let sql = format!(
            "ALTER TABLE {} ADD COLUMN {definition}",
            object(&table.name)
        );
        self.step(phase, sql, labels, &add_hazards(column));
        self.column_comment(&table.name, column, labels, false);
    }

    fn drop_column(&mut self, table: &Table, column: &Column, labels: &[String]) {
        if let Some(reason) = self.held_by(&table.name, Some(&column.name)) {
            self.refuse(labels, &reason);
            return;
        }
        if table
            .partition_key
            .as_ref()
            .is_some_and(|key| mentions(key, &column.name))
        {
            self.refuse(labels, "the table is partitioned by it");
            return;
        }
        let sql = format!(
            "ALTER TABLE {} DROP COLUMN {}",
            object(&table.name),
            ident(&column.name)
        );
        let hazards = [Hazard::AccessExclusiveLock];
        if column.generated.is_some() {
            // Computed from the others, so nothing is lost; and it must not
            // stand in the way of the columns that it is computed from.
            self.step(Phase::Clear, sql, labels, &hazards);
        } else {
            self.destroy(Phase::DropColumns, sql, labels, &hazards);
        }
    }

    fn drop_expression(&mut self, table: &Table, column: &Column, labels: &[String]) {
        let alter = alter(table, column);
        let hazards = [Hazard::AccessExclusiveLock];
        self.step(
            Phase::Clear,
            format!("{alter} DROP EXPRESSION"),
            labels,
            &hazards,
        );
        if column.default.is_some() {
            self.set_default(table, column, labels);
        }
    }

    /// Types, and columns that are dropped and added again.
    fn change_touched(&mut self) {
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

    fn nullability(&mut self, table: &Table, column: &Column, labels: &[String]) {
        let alter = alter(table, column);
        let lock = Hazard::AccessExclusiveLock;
        if column.nullable {
            let sql = format!("{alter} DROP NOT NULL");
            self.step(Phase::Nullability, sql, labels, &[lock]);
            // It goes down to the tables below, which may keep theirs.
            for below in self.descendants(&table.name) {
                let below = self.expected.table(&below);
                let kept = below.and_then(|t| Some((t, t.column(&column.name)?)));
                if let Some((below, kept)) = kept.filter(|(_, kept)| !kept.nullable) {
                    let sql = format!("{} SET NOT NULL", self::alter(below, kept));
                    self.step(Phase::Nullability, sql, labels, &[lock, Hazard::TableScan]);
                }
            }
            return;
        }
        let filled = column.default.as_deref().filter(|d| !is_null(d));
        let remade = (table.name.clone(), column.name.clone());
        if let (Some(default), false) = (
            filled,
            self.touched
                .get(&remade)
                .is_some_and(|(t, _)| *t == Touch::Remade),
        ) {
            let sql = format!(
                "UPDATE {} SET {name} = {default} WHERE {name} IS NULL",
                object(&table.name),
                name = ident(&column.name)
            );
            let hazards = [Hazard::TableScan, Hazard::FillsNulls];
            self.step(Phase::Fill, sql, labels, &hazards);
        }
        let sql = format!("{alter} SET NOT NULL");
        let hazards = [lock, Hazard::TableScan, Hazard::MayFail];
        self.step(Phase::Nullability, sql, labels, &hazards);
    }

    fn set_default(&mut self, table: &Table, column: &Column, labels: &[String]) {
        let alter = self.alter_only(table, column);
        let sql = match &column.default {
            Some(default) => format!("{alter} SET DEFAULT {default}"),
            None => format!("{alter} DROP DEFAULT"),
        };
        self.step(Phase::Defaults, sql, labels, &[Hazard::AccessExclusiveLock]);
    }

    /// Without the tables below, which may have defaults of their own.
    fn alter_only(&self, table: &Table, column: &Column) -> String {
        if self.descendants(&table.name).is_empty() {
            return alter(table, column);
        }
        format!(
            "ALTER TABLE ONLY {} ALTER COLUMN {}",
            object(&table.name),
            ident(&column.name)
        )
    }

    /// A column as CREATE TABLE and ADD COLUMN take it.
    pub(super) fn column_sql(&self, table: &ObjectName, column: &Column) -> String {
        let mut sql = format!("{} {}", ident(&column.name), column.data_type);
        if let Some(collation) = &column.collation {
            let _ = write!(sql, " COLLATE {collation}");
        }
        if let Some(generated) = &column.generated {
            let kind = if generated.stored {
                "STORED"
            } else {
                "VIRTUAL"
            };
            let _ = write!(
                sql,
                " GENERATED ALWAYS AS ({}) {kind}",
                generated.expression
            );
        } else if let Some(default) = &column.default {
            let _ = write!(sql, " DEFAULT {default}");
        }
        if !column.nullable {
            sql += " NOT NULL";
        }
        if let Some(identity) = column.identity {
            let _ = write!(sql, " {}", self.identity_sql(table, column, identity));
        }
        sql
    }

    /// With the name and the options of the identity's sequence.
    pub(super) fn identity_sql(
        &self,
        table: &ObjectName,
        column: &Column,
        kind: Identity,
    ) -> String {
        let kind = identity_kind(kind);
        match self.identity_sequence(table, &column.name) {
            Some(sequence) => format!(
                "{kind} (SEQUENCE NAME {} {})",
                object(&sequence.name),
                sequence_options(sequence)
            ),
            None => kind.to_owned(),
        }
    }

    pub(super) fn column_comment(
        &mut self,
        table: &ObjectName,
        column: &Column,
        labels: &[String],
        even_none: bool,
    ) {
        if column.comment.is_some() || even_none {
            let sql = format!(
                "COMMENT ON COLUMN {}.{} IS {}",
                object(table),
                ident(&column.name),
                comment(column.comment.as_ref())
            );
            self.step(Phase::Comments, sql, labels, &[]);
        }
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

pub(super) fn alter(table: &Table, column: &Column) -> String {
    format!(
        "ALTER TABLE {} ALTER COLUMN {}",
        object(&table.name),
        ident(&column.name)
    )
}

pub(super) const fn identity_kind(kind: Identity) -> &'static str {
    match kind {
        Identity::Always => "GENERATED ALWAYS AS IDENTITY",
        Identity::ByDefault => "GENERATED BY DEFAULT AS IDENTITY",
    }
}

fn is_null(default: &str) -> bool {
    matches!(words(default).first(), Some(Word::Name(name)) if name == "null")
}

/// Functions whose value is the same for all rows of a statement, so that a
/// default of theirs is stored once, in the catalog.
const STABLE: &[&str] = &[
    "now",
    "transaction_timestamp",
    "statement_timestamp",
    "current_setting",
];

fn add_hazards(column: &Column) -> Vec<Hazard> {
    let mut hazards = vec![Hazard::AccessExclusiveLock];
    let calls = |default: &String| {
        let words = words(default);
        let mut pairs = words.windows(2);
        pairs.any(|pair| match pair {
            [Word::Name(name), Word::Other('(')] => {
                !STABLE.contains(&&**name) && !name.contains("char") && name != "numeric"
            }
            _ => false,
        })
    };
    if column.generated.is_some()
        || column.identity.is_some()
        || column.default.as_ref().is_some_and(calls)
    {
        hazards.push(Hazard::TableRewrite);
    }
    let filled =
        column.default.is_some() || column.identity.is_some() || column.generated.is_some();
    if !column.nullable && !filled {
        hazards.push(Hazard::MayFail);
    }
    hazards
}
