//! Indexes.

use super::{
    Code, Comparison,
    constraints::{Codes, Member},
    describe, expression,
    matching::matched,
};
use crate::schema::{Index, IndexKey, Source, Table};

impl Member for Index {
    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }
    fn describe(&self) -> String {
        describe::index(self)
    }
    fn label(&self) -> String {
        self.name.clone()
    }
    fn comment(&self) -> Option<&String> {
        self.comment.as_ref()
    }
    fn inherited(&self) -> bool {
        self.inherited
    }
}

/// Everything but the name, the comment and where it comes from.
fn same(a: &Index, b: &Index) -> bool {
    a.method == b.method
        && a.unique == b.unique
        && a.nulls_not_distinct == b.nulls_not_distinct
        && a.keys.len() == b.keys.len()
        && a.keys.iter().zip(&b.keys).all(|(a, b)| same_key(a, b))
        && a.include == b.include
        && expression::options_agree(a.predicate.as_deref(), b.predicate.as_deref())
        && a.options == b.options
        && a.invalid == b.invalid
        && a.only == b.only
}

fn same_key(a: &IndexKey, b: &IndexKey) -> bool {
    let same_expression = a.is_column == b.is_column
        && (a.expression == b.expression
            || !a.is_column && expression::agree(&a.expression, &b.expression));
    same_expression
        && a.descending == b.descending
        && a.nulls_first == b.nulls_first
        && a.operator_class == b.operator_class
        && a.collation == b.collation
}

impl<'a> Comparison<'a> {
    pub(super) fn indexes(&mut self, expected: &'a Table, actual: &'a Table) {
        if self.with_entities() {
            self.indexes_of_entities(expected, actual);
            return;
        }
        let codes = Codes {
            missing: Code::IndexMissing,
            unexpected: Code::IndexUnexpected,
            changed: Code::IndexChanged,
        };
        let mut members = matched(
            &expected.indexes,
            &actual.indexes,
            &[&|a, b| a.name == b.name && same(a, b), &same, &|a, b| {
                a.name == b.name
            }],
        );
        members.pairs.retain(|(wanted, found)| {
            let only_invalid = found.invalid
                && !wanted.invalid
                && same(
                    wanted,
                    &Index {
                        invalid: false,
                        ..(*found).clone()
                    },
                );
            if only_invalid {
                let path = self.path(&expected.name, Some(&wanted.name));
                let (a, b) = (describe::index(wanted), describe::index(found));
                self.add(Code::IndexInvalid, path, Some(a), Some(b));
            }
            !only_invalid
        });
        self.members(expected, &codes, members, &same);
    }

    /// An entity names columns that have an index (`indexed`); that the others
    /// have none it does not say.
    fn indexes_of_entities(&mut self, expected: &Table, actual: &Table) {
        let is_expected = self.expected.source == Source::Entities;
        let (said, there) = if is_expected {
            (expected, actual)
        } else {
            (actual, expected)
        };
        let columns = |index: &Index| -> Vec<String> {
            index
                .keys
                .iter()
                .map(|key| key.expression.clone())
                .collect()
        };
        for index in said.indexes.iter().filter(|index| !index.unique) {
            let found = there
                .indexes
                .iter()
                .any(|other| columns(other) == columns(index))
                || there
                    .uniques
                    .iter()
                    .any(|key| key.columns == columns(index));
            if found {
                continue;
            }
            let path = self.path(&expected.name, Some(&index.name));
            let text = Some(describe::index(index));
            if is_expected {
                self.add(Code::IndexMissing, path, text, None);
            } else {
                self.add(Code::IndexUnexpected, path, None, text);
            }
        }
    }
}
