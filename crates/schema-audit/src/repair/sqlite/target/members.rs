//! Which constraints and indexes a table is to have.

use std::collections::BTreeSet;

use super::{
    super::{affinity, ddl},
    Builder,
};
use crate::{
    compare::{Category, Code, Finding},
    schema::{Column, ForeignKey, Index, Key, Source},
};

impl Builder<'_> {
    pub(super) fn members(&mut self, source: Source) {
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
pub(in crate::repair::sqlite) fn same_index(a: &Index, b: &Index) -> bool {
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
