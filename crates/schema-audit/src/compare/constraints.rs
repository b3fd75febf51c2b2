//! Keys, foreign keys, checks and exclusion constraints.

use super::{
    Code, Comparison, describe, expression,
    matching::{Matched, matched},
};
use crate::schema::{Check, Exclusion, ForeignKey, Index, Key, Source, Table};

/// The three codes of a kind of constraint.
pub(super) struct Codes {
    pub(super) missing: Code,
    pub(super) unexpected: Code,
    pub(super) changed: Code,
}

/// What the comparison has to know of any constraint or index.
pub(super) trait Member {
    fn name(&self) -> Option<&str>;
    /// The definition as a text, without the name.
    fn describe(&self) -> String;
    /// What names it in a path when it has no name.
    fn label(&self) -> String;
    fn comment(&self) -> Option<&String>;
    /// Whether it is a copy of the parent table's.
    fn inherited(&self) -> bool;
}

impl Member for Key {
    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
    fn describe(&self) -> String {
        describe::key("UNIQUE", self)
    }
    fn label(&self) -> String {
        format!("({})", self.columns.join(", "))
    }
    fn comment(&self) -> Option<&String> {
        self.comment.as_ref()
    }
    fn inherited(&self) -> bool {
        self.inherited
    }
}

impl Member for ForeignKey {
    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
    fn describe(&self) -> String {
        describe::foreign_key(self)
    }
    fn label(&self) -> String {
        describe::reference(self)
    }
    fn comment(&self) -> Option<&String> {
        self.comment.as_ref()
    }
    fn inherited(&self) -> bool {
        self.inherited
    }
}

impl Member for Check {
    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
    fn describe(&self) -> String {
        describe::check(self)
    }
    fn label(&self) -> String {
        self.expression.clone()
    }
    fn comment(&self) -> Option<&String> {
        self.comment.as_ref()
    }
    fn inherited(&self) -> bool {
        self.inherited
    }
}

impl Member for Exclusion {
    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }
    fn describe(&self) -> String {
        self.definition.clone()
    }
    fn label(&self) -> String {
        self.name.clone()
    }
    fn comment(&self) -> Option<&String> {
        self.comment.as_ref()
    }
    fn inherited(&self) -> bool {
        false
    }
}

impl<'a> Comparison<'a> {
    /// Reports what became of two lists of constraints or indexes.
    pub(super) fn members<T: Member>(
        &mut self,
        table: &Table,
        codes: &Codes,
        members: Matched<'a, T>,
        same: &dyn Fn(&T, &T) -> bool,
    ) {
        for (expected, actual) in members.pairs {
            self.member(table, codes.changed, expected, actual, same);
        }
        // A copy of the parent table's comes and goes with the parent's, which
        // is reported there.
        for expected in members.missing.into_iter().filter(|m| !m.inherited()) {
            let path = self.member_path(table, expected);
            self.add(codes.missing, path, Some(expected.describe()), None);
        }
        for actual in members.unexpected.into_iter().filter(|m| !m.inherited()) {
            let path = self.member_path(table, actual);
            self.add(codes.unexpected, path, None, Some(actual.describe()));
        }
    }

    fn member<T: Member>(
        &mut self,
        table: &Table,
        changed: Code,
        expected: &T,
        actual: &T,
        same: &dyn Fn(&T, &T) -> bool,
    ) {
        let path = self.member_path(table, expected);
        let renamed = match (expected.name(), actual.name()) {
            (Some(wanted), Some(found)) => wanted != found,
            _ => false,
        };
        let copies = expected.inherited() && actual.inherited();
        if !same(expected, actual) {
            let text = |member: &T| {
                let name = member.name().filter(|_| renamed);
                Some(describe::named(name, member.describe()))
            };
            self.add(changed, path.clone(), text(expected), text(actual));
        } else if renamed && !copies && !self.with_entities() {
            self.add(
                Code::NameChanged,
                path.clone(),
                expected.name().map(str::to_owned),
                actual.name().map(str::to_owned),
            );
        }
        self.comment(&path, expected.comment(), actual.comment());
    }

    fn member_path<T: Member>(&self, table: &Table, member: &T) -> crate::schema::ObjectPath {
        let label = member.name().map_or_else(|| member.label(), str::to_owned);
        self.path(&table.name, Some(&label))
    }

    pub(super) fn primary_key(&mut self, expected: &'a Table, actual: &'a Table) {
        let (wanted, found) = (expected.primary_key.as_ref(), actual.primary_key.as_ref());
        let text = |key: &Key| Some(describe::key("PRIMARY KEY", key));
        let path = |comparison: &Self, key: &Key| {
            let label = key.name.clone().unwrap_or_else(|| key.label());
            comparison.path(&expected.name, Some(&label))
        };
        match (wanted, found) {
            (Some(wanted), None) if !wanted.inherited => {
                self.add(
                    Code::PrimaryKeyMissing,
                    path(self, wanted),
                    text(wanted),
                    None,
                );
            }
            (None, Some(found)) if !found.inherited => {
                self.add(
                    Code::PrimaryKeyUnexpected,
                    path(self, found),
                    None,
                    text(found),
                );
            }
            (Some(wanted), Some(found)) => {
                let path = path(self, wanted);
                if !self.same_key(wanted, found) {
                    let code = Code::PrimaryKeyChanged;
                    self.add(code, path.clone(), text(wanted), text(found));
                } else if let (Some(a), Some(b)) = (&wanted.name, &found.name)
                    && a != b
                    && !self.with_entities()
                    && !(wanted.inherited && found.inherited)
                {
                    let code = Code::NameChanged;
                    self.add(code, path.clone(), Some(a.clone()), Some(b.clone()));
                }
                self.comment(&path, wanted.comment.as_ref(), found.comment.as_ref());
            }
            _ => {}
        }
    }

    fn same_key(&self, a: &Key, b: &Key) -> bool {
        if self.with_entities() {
            return a.columns == b.columns;
        }
        a.columns == b.columns
            && a.include == b.include
            && a.nulls_not_distinct == b.nulls_not_distinct
            && a.deferrable == b.deferrable
            && a.on_conflict == b.on_conflict
            && a.autoincrement == b.autoincrement
    }

    pub(super) fn uniques(&mut self, expected: &'a Table, actual: &'a Table) {
        let codes = Codes {
            missing: Code::UniqueMissing,
            unexpected: Code::UniqueUnexpected,
            changed: Code::UniqueChanged,
        };
        if self.with_entities() {
            self.uniques_of_entities(&codes, expected, actual);
            return;
        }
        let same = |a: &Key, b: &Key| {
            a.columns == b.columns
                && a.include == b.include
                && a.nulls_not_distinct == b.nulls_not_distinct
                && a.deferrable == b.deferrable
                && a.on_conflict == b.on_conflict
        };
        let same_name = |a: &Key, b: &Key| a.name.is_some() && a.name == b.name;
        let members = matched(
            &expected.uniques,
            &actual.uniques,
            &[
                &|a, b| same(a, b) && same_name(a, b),
                &same,
                &same_name,
                &|a, b| a.columns == b.columns,
            ],
        );
        self.members(expected, &codes, members, &same);
    }

    /// An entity says that columns are unique, not by what: a constraint and a
    /// plain unique index are the same to it.
    fn uniques_of_entities(&mut self, codes: &Codes, expected: &Table, actual: &Table) {
        let (wanted, found) = (
            unique_columns(expected, self.expected.source),
            unique_columns(actual, self.actual.source),
        );
        let mut add = |code: Code, key: &Key, is_expected: bool| {
            let path = self.member_path(expected, key);
            let text = Some(key.describe());
            let (a, b) = if is_expected {
                (text, None)
            } else {
                (None, text)
            };
            self.add(code, path, a, b);
        };
        let lacks = |keys: &[Key], key: &Key| keys.iter().all(|k| k.columns != key.columns);
        for key in wanted.iter().filter(|key| lacks(&found, key)) {
            add(codes.missing, key, true);
        }
        for key in found.iter().filter(|key| lacks(&wanted, key)) {
            add(codes.unexpected, key, false);
        }
    }

    pub(super) fn foreign_keys(&mut self, expected: &'a Table, actual: &'a Table) {
        let codes = Codes {
            missing: Code::ForeignKeyMissing,
            unexpected: Code::ForeignKeyUnexpected,
            changed: Code::ForeignKeyChanged,
        };
        let loose = self.with_entities();
        let points = |a: &ForeignKey, b: &ForeignKey| {
            a.columns == b.columns
                && a.references == b.references
                && a.referenced_columns == b.referenced_columns
        };
        let same = |a: &ForeignKey, b: &ForeignKey| {
            points(a, b)
                && a.on_update == b.on_update
                && a.on_delete == b.on_delete
                && (loose
                    || (a.on_delete_columns == b.on_delete_columns
                        && a.match_type == b.match_type
                        && a.deferrable == b.deferrable
                        && a.not_valid == b.not_valid
                        && a.not_enforced == b.not_enforced))
        };
        let same_name = |a: &ForeignKey, b: &ForeignKey| a.name.is_some() && a.name == b.name;
        let members = matched(
            &expected.foreign_keys,
            &actual.foreign_keys,
            &[
                &|a, b| same(a, b) && same_name(a, b),
                &same,
                &same_name,
                &points,
            ],
        );
        self.members(expected, &codes, members, &same);
    }

    pub(super) fn checks(&mut self, expected: &'a Table, actual: &'a Table) {
        if !self.says(!expected.checks.is_empty(), !actual.checks.is_empty()) {
            return;
        }
        let codes = Codes {
            missing: Code::CheckMissing,
            unexpected: Code::CheckUnexpected,
            changed: Code::CheckChanged,
        };
        let same = |a: &Check, b: &Check| {
            expression::agree(&a.expression, &b.expression)
                && a.no_inherit == b.no_inherit
                && a.not_valid == b.not_valid
        };
        let same_name = |a: &Check, b: &Check| a.name.is_some() && a.name == b.name;
        let members = matched(
            &expected.checks,
            &actual.checks,
            &[
                &|a, b| same(a, b) && same_name(a, b),
                &same,
                &same_name,
                &|a, b| expression::agree(&a.expression, &b.expression),
            ],
        );
        self.members(expected, &codes, members, &same);
    }

    pub(super) fn exclusions(&mut self, expected: &'a Table, actual: &'a Table) {
        if self.with_entities() {
            return;
        }
        let codes = Codes {
            missing: Code::ExclusionMissing,
            unexpected: Code::ExclusionUnexpected,
            changed: Code::ExclusionChanged,
        };
        let same = |a: &Exclusion, b: &Exclusion| expression::agree(&a.definition, &b.definition);
        let members = matched(
            &expected.exclusions,
            &actual.exclusions,
            &[&|a, b| a.name == b.name && same(a, b), &same, &|a, b| {
                a.name == b.name
            }],
        );
        self.members(expected, &codes, members, &same);
    }
}

/// The sets of columns that are unique in a table, as an entity would say it.
fn unique_columns(table: &Table, source: Source) -> Vec<Key> {
    let mut keys = table.uniques.clone();
    if source == Source::Catalog {
        keys.extend(table.indexes.iter().filter_map(plain_unique));
    }
    keys.sort();
    keys.dedup_by(|a, b| a.columns == b.columns);
    keys
}

/// A unique index that says no more than a unique constraint would.
pub(crate) fn plain_unique(index: &Index) -> Option<Key> {
    let plain =
        index.unique && index.predicate.is_none() && index.keys.iter().all(|key| key.is_column);
    plain.then(|| Key {
        name: Some(index.name.clone()),
        columns: index
            .keys
            .iter()
            .map(|key| key.expression.clone())
            .collect(),
        ..Key::default()
    })
}
