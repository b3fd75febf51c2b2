//! What a table is to become: what it is, with the findings mended that may be.

use std::collections::BTreeSet;

use super::{affinity, ddl};
use crate::{
    compare::{Category, Code, Finding},
    inspect::sqlite::ident,
    repair::{Destructive, Refusal, label},
    schema::{Column, ForeignKey, Index, Key, Source, Table},
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

    fn members(&mut self, source: Source) {
        let findings: Vec<Finding> = self.findings.iter().map(|f| (*f).clone()).collect();
        let mut whole_lists = BTreeSet::new();
        for finding in &findings {
            if let Some(column) = self.lacks_column(finding.category) {
                let reason = format!("it needs the column `{column}`, which does not come");
                self.refuse(finding, reason);
                continue;
            }
            match finding.code {
                Code::PrimaryKeyMissing | Code::PrimaryKeyUnexpected | Code::PrimaryKeyChanged => {
                    if let Some(reason) = self.cannot_count() {
                        self.refuse(finding, reason);
                        continue;
                    }
                    self.target
                        .table
                        .primary_key
                        .clone_from(&self.expected.primary_key);
                }
                Code::OptionChanged => {
                    let mut wanted = self.target.table.clone();
                    wanted.options.clone_from(&self.expected.options);
                    if let Some(reason) = affinity::not_strict(&wanted) {
                        self.refuse(finding, reason);
                        continue;
                    }
                    self.target.table = wanted;
                }
                Code::UniqueMissing
                | Code::UniqueUnexpected
                | Code::UniqueChanged
                | Code::ForeignKeyMissing
                | Code::ForeignKeyUnexpected
                | Code::ForeignKeyChanged
                | Code::CheckMissing
                | Code::CheckUnexpected
                | Code::CheckChanged
                | Code::IndexMissing
                | Code::IndexUnexpected
                | Code::IndexChanged => {
                    if source == Source::Catalog {
                        whole_lists.insert(finding.category);
                    } else if !self.one(finding) {
                        self.refuse(finding, "what it is about was not found".to_owned());
                        continue;
                    }
                }
                _ => continue,
            }
            self.mended(finding);
        }
        for category in whole_lists {
            self.list(category);
        }
        self.without_dropped();
    }

    /// A column that the constraints or indexes of this kind are to be on, and
    /// that the table does not get under that name.
    fn lacks_column(&self, category: Category) -> Option<&str> {
        let expected = self.expected;
        let keys = |keys: &'_ [Key]| -> Vec<String> {
            let columns = keys.iter().flat_map(|key| &key.columns);
            columns.map(|c| ddl::bare(c, expected).to_owned()).collect()
        };
        let columns = match category {
            Category::PrimaryKey => keys(expected.primary_key.as_slice()),
            Category::Unique => keys(&expected.uniques),
            Category::ForeignKey => {
                let keys = expected.foreign_keys.iter();
                keys.flat_map(|key| key.columns.clone()).collect()
            }
            Category::Index => {
                let keys = expected.indexes.iter().flat_map(|index| &index.keys);
                keys.filter(|key| key.is_column)
                    .map(|key| key.expression.clone())
                    .collect()
            }
            _ => return None,
        };
        let lacks = |column: &&Column| {
            columns.contains(&column.name) && self.target.table.column(&column.name).is_none()
        };
        let lacking = expected.columns.iter().find(lacks);
        lacking.map(|column| column.name.as_str())
    }

    /// AUTOINCREMENT asks for a type that the column may not get.
    fn cannot_count(&self) -> Option<String> {
        let key = self.expected.primary_key.as_ref()?;
        let column = self.target.table.column(key.columns.first()?)?;
        let counts = column.data_type.eq_ignore_ascii_case("INTEGER");
        (key.autoincrement && !counts).then(|| {
            format!(
                "AUTOINCREMENT is for INTEGER alone, and `{}` stays {}",
                column.name, column.data_type
            )
        })
    }

    /// Between two catalogs, a list with any difference becomes the other.
    fn list(&mut self, category: Category) {
        let (table, expected) = (&mut self.target.table, self.expected);
        match category {
            Category::Unique => table.uniques.clone_from(&expected.uniques),
            Category::ForeignKey => table.foreign_keys.clone_from(&expected.foreign_keys),
            Category::Check => table.checks.clone_from(&expected.checks),
            Category::Index => table.indexes = paired(&expected.indexes, &self.actual.indexes),
            _ => {}
        }
    }

    /// One constraint of an entity, found by its name or definition.
    fn one(&mut self, finding: &Finding) -> bool {
        let member = finding.object.member.as_deref().unwrap_or_default();
        let (table, expected) = (&mut self.target.table, self.expected);
        match finding.code {
            Code::UniqueMissing => {
                let found = expected.uniques.iter().find(|key| is_key(key, member));
                found.map(|key| table.uniques.push(key.clone())).is_some()
            }
            Code::UniqueUnexpected => {
                let before = table.uniques.len() + table.indexes.len();
                table.uniques.retain(|key| !is_key(key, member));
                table.indexes.retain(|index| index.name != member);
                table.uniques.len() + table.indexes.len() < before
            }
            Code::ForeignKeyMissing | Code::ForeignKeyChanged => {
                let found = expected
                    .foreign_keys
                    .iter()
                    .find(|key| is_reference(key, member));
                let Some(found) = found else {
                    return false;
                };
                if finding.code == Code::ForeignKeyChanged {
                    table.foreign_keys.retain(|key| {
                        key.columns != found.columns
                            && (key.name.is_none() || key.name != found.name)
                    });
                }
                table.foreign_keys.push(found.clone());
                true
            }
            Code::ForeignKeyUnexpected => {
                let before = table.foreign_keys.len();
                table.foreign_keys.retain(|key| !is_reference(key, member));
                table.foreign_keys.len() < before
            }
            Code::CheckMissing | Code::CheckChanged => {
                let is = |check: &&crate::schema::Check| {
                    check.name.as_deref().unwrap_or(&check.expression) == member
                };
                let Some(found) = expected.checks.iter().find(is) else {
                    return false;
                };
                table
                    .checks
                    .retain(|check| check.name.is_none() || check.name != found.name);
                table.checks.push(found.clone());
                true
            }
            Code::IndexMissing => {
                let found = expected.indexes.iter().find(|index| index.name == member);
                found
                    .map(|index| table.indexes.push(index.clone()))
                    .is_some()
            }
            _ => false,
        }
    }

    /// A dropped column takes what was made of it along.
    fn without_dropped(&mut self) {
        let dropped = self.target.dropped.clone();
        if dropped.is_empty() {
            return;
        }
        let actual = self.actual;
        let gone = |column: &str| dropped.iter().any(|name| name == column);
        let table = &mut self.target.table;
        let loses = |key: &Key| key.columns.iter().any(|c| gone(ddl::bare(c, actual)));
        table.uniques.retain(|key| !loses(key));
        if table.primary_key.as_ref().is_some_and(loses) {
            table.primary_key = None;
        }
        table
            .foreign_keys
            .retain(|key| !key.columns.iter().any(|column| gone(column)));
        table.indexes.retain(|index| {
            let columns = index.keys.iter().filter(|key| key.is_column);
            !columns.into_iter().any(|key| gone(&key.expression))
        });
    }
}

/// Whether a column that stores its values is to compute them.
fn forgets(wanted: &Column, old: &Column) -> bool {
    wanted.generated.is_some() && old.generated.is_none()
}

fn is_key(key: &Key, member: &str) -> bool {
    key.name.as_deref() == Some(member) || format!("({})", key.columns.join(", ")) == member
}

fn is_reference(key: &ForeignKey, member: &str) -> bool {
    let definition = format!(
        "({})->{}({})",
        key.columns.join(","),
        key.references.name,
        key.referenced_columns.join(",")
    );
    key.name.as_deref() == Some(member) || definition == member
}

/// Whether two indexes are the same but for their names.
pub(super) fn same_index(a: &Index, b: &Index) -> bool {
    a.unique == b.unique && a.keys == b.keys && a.predicate == b.predicate
}

/// The expected indexes; those that are there under another name stay.
fn paired(expected: &[Index], actual: &[Index]) -> Vec<Index> {
    let mut free: Vec<&Index> = actual.iter().collect();
    let mut result = expected.to_vec();
    for by_name in [true, false] {
        for index in &mut result {
            let position = free
                .iter()
                .position(|old| same_index(old, index) && (!by_name || old.name == index.name));
            if let Some(position) = position {
                *index = free.remove(position).clone();
            }
        }
    }
    result
}
