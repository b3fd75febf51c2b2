//! What a table is to become: what it is, with the findings mended that may be.

mod members;

use std::collections::BTreeSet;

pub(super) use members::same_index;

use super::affinity;
use crate::{
    compare::{Code, Finding},
    inspect::sqlite::ident,
    repair::{Destructive, Refusal, label},
    schema::{Column, Source, Table},
};

/// What a table is to become, and what that means for its rows.
pub(super) struct Target {
    pub(super) table: Table,
    /// For each column, the column of today that its values come from.
    pub(super) sources: Vec<(String, Option<String>)>,
    /// Columns of today that are gone then.
    pub(super) dropped: Vec<String>,
    /// Columns that would be dropped if it were asked for.
    pub(super) kept: Vec<(String, String)>,
    /// Whether a column changes in a way that may change its values or lose them.
    pub(super) lossy: bool,
    /// The findings that it mends.
    pub(super) mends: Vec<String>,
    pub(super) refused: Vec<Refusal>,
}

struct Builder<'a> {
    expected: &'a Table,
    actual: &'a Table,
    findings: &'a [&'a Finding],
    wanted: &'a Destructive,
    target: Target,
}

/// Decides what the table becomes. `whole`: the table is replaced by the
/// expected one, whose name differs by letter case alone.
pub(super) fn target(
    expected: &Table,
    actual: &Table,
    source: Source,
    findings: &[&Finding],
    whole: bool,
    wanted: &Destructive,
) -> Target {
    let mut builder = Builder {
        expected,
        actual,
        findings,
        wanted,
        target: Target {
            table: actual.clone(),
            sources: Vec::new(),
            dropped: Vec::new(),
            kept: Vec::new(),
            lossy: false,
            mends: Vec::new(),
            refused: Vec::new(),
        },
    };
    if whole {
        builder.whole();
    } else {
        builder.columns();
        builder.members(source);
    }
    builder.target
}

impl Builder<'_> {
    fn whole(&mut self) {
        let labels: Vec<String> = self.findings.iter().map(|f| label(f)).collect();
        let drop_others = self.wanted.wants(&labels);
        let name = self.actual.name.clone();
        self.target.table = self.expected.clone();
        self.target
            .table
            .definition
            .clone_from(&self.actual.definition);
        for column in &self.expected.columns {
            let from = self
                .actual
                .columns
                .iter()
                .find(|old| ident::same(&old.name, &column.name));
            self.target
                .sources
                .push((column.name.clone(), from.map(|old| old.name.clone())));
            self.target.lossy |= from.is_some_and(|old| {
                affinity::lossy(&old.data_type, &column.data_type) || forgets(column, old)
            });
        }
        for column in &self.actual.columns {
            let known = |other: &Column| ident::same(&other.name, &column.name);
            if self.expected.columns.iter().any(known) {
                continue;
            }
            self.target.dropped.push(column.name.clone());
        }
        // What destroys values in a table of nearly the same name waits until
        // that table's name is asked for.
        if (self.target.lossy || !self.target.dropped.is_empty()) && !drop_others {
            for label in &labels {
                self.target.refused.push(Refusal {
                    finding: label.clone(),
                    reason: format!(
                        "changes of the columns of `{name}` would change or lose values; ask for it by name"
                    ),
                });
            }
        }
        self.target.mends = labels;
    }

    fn keep(&mut self, column: &Column) {
        self.target
            .sources
            .push((column.name.clone(), Some(column.name.clone())));
        self.target.table.columns.push(column.clone());
    }

    /// The findings about this member, or about the table itself.
    fn about(&self, member: Option<&str>) -> Vec<&Finding> {
        self.findings
            .iter()
            .copied()
            .filter(|finding| finding.object.member.as_deref() == member)
            .collect()
    }

    fn mended(&mut self, finding: &Finding) {
        self.target.mends.push(label(finding));
    }

    fn refuse(&mut self, finding: &Finding, reason: String) {
        self.target.refused.push(Refusal {
            finding: label(finding),
            reason,
        });
    }

    fn columns(&mut self) {
        self.target.table.columns.clear();
        let mut taken = BTreeSet::new();
        for wanted in &self.expected.columns {
            let about: Vec<Finding> = self
                .about(Some(&wanted.name))
                .into_iter()
                .cloned()
                .collect();
            if let Some(old) = self.actual.column(&wanted.name) {
                taken.insert(old.name.clone());
                let column = self.column(wanted, old, &about);
                self.target.table.columns.push(column);
                let name = wanted.name.clone();
                self.target.sources.push((name.clone(), Some(name)));
                continue;
            }
            let Some(missing) = about.iter().find(|f| f.code == Code::ColumnMissing) else {
                continue;
            };
            // The same column to SQLite, in other letters.
            let old = self.actual.columns.iter().find(|old| {
                ident::same(&old.name, &wanted.name) && self.expected.column(&old.name).is_none()
            });
            if let Some(old) = old {
                taken.insert(old.name.clone());
                let mut both: Vec<Finding> =
                    self.about(Some(&old.name)).into_iter().cloned().collect();
                both.push((*missing).clone());
                if !self.renamed(wanted, old, &both) {
                    continue;
                }
            } else {
                self.mended(missing);
            }
            self.target.table.columns.push(wanted.clone());
            self.target
                .sources
                .push((wanted.name.clone(), old.map(|old| old.name.clone())));
        }
        for old in &self.actual.columns {
            if !taken.contains(&old.name) {
                self.unexpected(old);
            }
        }
    }

    /// Whether a column may become the one of nearly the same name; stays as it is
    /// where that would cost values that nobody gave up.
    fn renamed(&mut self, wanted: &Column, old: &Column, about: &[Finding]) -> bool {
        let lossy = affinity::lossy(&old.data_type, &wanted.data_type) || forgets(wanted, old);
        let labels: Vec<String> = about.iter().map(label).collect();
        if lossy && !self.wanted.wants(&labels) {
            for finding in about {
                let reason = format!(
                    "values of `{}` would change or be lost; ask for it by name",
                    old.name
                );
                self.refuse(finding, reason);
            }
            self.keep(old);
            return false;
        }
        self.target.lossy |= lossy;
        for finding in about {
            self.mended(finding);
        }
        true
    }

    fn unexpected(&mut self, old: &Column) {
        let finding = self
            .about(Some(&old.name))
            .into_iter()
            .find(|finding| finding.code == Code::ColumnUnexpected)
            .cloned();
        if let Some(finding) = &finding {
            if self.wanted.wants(&[label(finding)]) {
                self.mended(finding);
                self.target.dropped.push(old.name.clone());
                return;
            }
            self.target.kept.push((old.name.clone(), label(finding)));
        }
        self.keep(old);
    }

    fn column(&mut self, wanted: &Column, old: &Column, about: &[Finding]) -> Column {
        let mut column = old.clone();
        for finding in about {
            match finding.code {
                Code::TypeChanged => {
                    let lossy = affinity::lossy(&old.data_type, &wanted.data_type);
                    if lossy && !self.wanted.wants(&[label(finding)]) {
                        let (from, to) = (&old.data_type, &wanted.data_type);
                        self.refuse(
                            finding,
                            format!(
                                "values may change when they go from {from} to {to}; ask for it by name"
                            ),
                        );
                        continue;
                    }
                    self.target.lossy |= lossy;
                    column.data_type.clone_from(&wanted.data_type);
                }
                Code::CollationChanged => column.collation.clone_from(&wanted.collation),
                Code::NullabilityChanged => column.nullable = wanted.nullable,
                Code::DefaultChanged => column.default.clone_from(&wanted.default),
                Code::GeneratedChanged => {
                    let forgets = forgets(wanted, old);
                    if forgets && !self.wanted.wants(&[label(finding)]) {
                        self.refuse(
                            finding,
                            "its values would be lost when they are computed instead; ask for it \
                             by name"
                                .to_owned(),
                        );
                        continue;
                    }
                    self.target.lossy |= forgets;
                    column.generated.clone_from(&wanted.generated);
                    column.default.clone_from(&wanted.default);
                }
                _ => continue,
            }
            self.mended(finding);
        }
        column
    }
}

/// Whether a column that stores its values is to compute them.
fn forgets(wanted: &Column, old: &Column) -> bool {
    wanted.generated.is_some() && old.generated.is_none()
}
