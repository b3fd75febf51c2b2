//! Columns.

use std::fmt::Write as _;

use super::{
    super::{Hazard, label},
    planner::{Phase, Planner, Touch, is_at},
    sql::{Word, comment, ident, mentions, object, sequence_options, words},
};
use crate::{
    compare::{Code, Finding},
    schema::{Column, Identity, ObjectName, Table},
};

impl Planner<'_> {
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

pub(super) fn add_hazards(column: &Column) -> Vec<Hazard> {
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
        hazards.push(Hazard::NeedsEmptyTable);
    }
    hazards
}
