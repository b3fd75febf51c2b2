//! Which constraints and indexes are dropped and which are made.

use super::{
    super::{Hazard, label},
    member::{Member, members},
    planner::{Phase, Planner, Touch, is_at},
};
use crate::{
    compare::{Category, Code, Finding},
    schema::{ObjectName, Table},
};

/// A constraint or index that is dropped or made.
#[derive(Debug, Clone)]
pub(super) struct Change<'a> {
    pub(super) table: &'a Table,
    pub(super) member: Member<'a>,
    pub(super) labels: Vec<String>,
}

fn is_of(member: Member<'_>, category: Category) -> bool {
    matches!(
        (member, category),
        (Member::Primary(_), Category::PrimaryKey)
            | (Member::Unique(_), Category::Unique)
            | (Member::Exclusion(_), Category::Exclusion)
            | (Member::Check(_), Category::Check)
            | (Member::Index(_), Category::Index)
            | (Member::ForeignKey(_), Category::ForeignKey)
    )
}

/// What names a constraint without a name in a finding's path.
fn unnamed(member: Member<'_>) -> Option<String> {
    match member {
        _ if member.name().is_some() => None,
        Member::Primary(key) | Member::Unique(key) => Some(format!("({})", key.columns.join(", "))),
        Member::Check(check) => Some(check.expression.clone()),
        Member::ForeignKey(key) => Some(format!(
            "({})->{}({})",
            key.columns.join(","),
            key.references.name,
            key.referenced_columns.join(",")
        )),
        Member::Exclusion(_) | Member::Index(_) => None,
    }
}

pub(super) fn find<'a>(table: &'a Table, category: Category, path: &str) -> Option<Member<'a>> {
    let of_kind = || members(table).into_iter().filter(|m| is_of(*m, category));
    of_kind()
        .find(|m| m.name() == Some(path))
        .or_else(|| of_kind().find(|m| unnamed(*m).as_deref() == Some(path)))
        .or_else(|| {
            // To an entity a unique index is a unique constraint.
            let index = || {
                members(table)
                    .into_iter()
                    .filter(|m| matches!(m, Member::Index(_)))
            };
            (category == Category::Unique)
                .then(|| index().find(|m| m.name() == Some(path)))
                .flatten()
        })
        .or_else(|| match category {
            Category::PrimaryKey => of_kind().next(),
            _ => None,
        })
}

/// The one of the same name, or else of the same definition.
pub(super) fn partner<'a>(member: Member<'_>, table: &'a Table) -> Option<Member<'a>> {
    let of_kind = || members(table).into_iter().filter(|m| m.same_kind(member));
    let body = |m: Member<'_>| {
        let sql = m.add_sql(&ObjectName::local("t"));
        let name = m.name().unwrap_or_default();
        sql.replacen(&super::sql::ident(name), "", 1)
    };
    of_kind()
        .find(|m| member.name().is_some() && m.name() == member.name())
        .or_else(|| of_kind().find(|m| body(*m) == body(member)))
}

impl<'a> Planner<'a> {
    pub(super) fn change_members(&mut self) {
        for finding in self.findings.clone() {
            let (expected, actual) = (
                self.expected_table(&finding.object),
                self.actual_table(&finding.object),
            );
            if let (Some(expected), Some(actual)) = (expected, actual) {
                self.change_member(finding, expected, actual);
            }
        }
        self.disturb();
        self.keep_own_copies();
    }

    fn change_member(&mut self, finding: &'a Finding, expected: &'a Table, actual: &'a Table) {
        let Some(path) = finding.object.member.as_deref() else {
            return;
        };
        let labels = vec![label(finding)];
        let wanted = find(expected, finding.category, path);
        if matches!(wanted, Some(Member::ForeignKey(key)) if key.not_enforced) {
            let reason = "it is not to be enforced, and no repair switches that off";
            self.refuse(&labels, reason);
            return;
        }
        match finding.code {
            Code::PrimaryKeyMissing
            | Code::UniqueMissing
            | Code::CheckMissing
            | Code::ForeignKeyMissing
            | Code::ExclusionMissing
            | Code::IndexMissing => self.add_member(expected, wanted, labels),
            Code::PrimaryKeyUnexpected
            | Code::UniqueUnexpected
            | Code::CheckUnexpected
            | Code::ForeignKeyUnexpected
            | Code::ExclusionUnexpected
            | Code::IndexUnexpected => {
                self.drop_member(actual, find(actual, finding.category, path), labels);
            }
            Code::PrimaryKeyChanged
            | Code::UniqueChanged
            | Code::CheckChanged
            | Code::ForeignKeyChanged
            | Code::ExclusionChanged
            | Code::IndexChanged
            | Code::IndexInvalid => {
                let found =
                    renamed(finding, actual).or_else(|| find(actual, finding.category, path));
                if !self.validate(wanted, found, actual, &labels) {
                    self.drop_member(actual, found, labels.clone());
                    self.add_member(expected, wanted, labels);
                }
            }
            _ => {}
        }
    }

    /// A constraint that lacks nothing but being checked is checked.
    fn validate(
        &mut self,
        wanted: Option<Member<'a>>,
        found: Option<Member<'a>>,
        table: &Table,
        labels: &[String],
    ) -> bool {
        let same = match (wanted, found) {
            (Some(Member::Check(a)), Some(Member::Check(b))) => {
                b.not_valid
                    && !a.not_valid
                    && a.name == b.name
                    && a.expression == b.expression
                    && a.no_inherit == b.no_inherit
            }
            (Some(Member::ForeignKey(a)), Some(Member::ForeignKey(b))) => {
                let mut checked = b.clone();
                checked.not_valid = false;
                checked.comment.clone_from(&a.comment);
                b.not_valid && *a == checked
            }
            _ => false,
        };
        if let (true, Some(name)) = (same, found.and_then(Member::name)) {
            let sql = format!(
                "ALTER TABLE {} VALIDATE CONSTRAINT {}",
                super::sql::object(&table.name),
                super::sql::ident(name)
            );
            let hazards = [Hazard::TableScan, Hazard::MayFail];
            self.step(Phase::Validate, sql, labels, &hazards);
        }
        same
    }

    pub(super) fn add_member(
        &mut self,
        table: &'a Table,
        member: Option<Member<'a>>,
        labels: Vec<String>,
    ) {
        let Some(member) = member else { return };
        let known = |c: &&mut Change<'_>| c.table.name == table.name && c.member == member;
        if let Some(change) = self.adds.iter_mut().find(known) {
            change.labels.extend(labels);
        } else if member.inherited() && comes_with_parent(table) {
            self.with_parent(table, member, labels);
        } else {
            self.adds.push(Change {
                table,
                member,
                labels,
            });
        }
    }

    fn drop_member(&mut self, table: &'a Table, member: Option<Member<'a>>, labels: Vec<String>) {
        let Some(member) = member else { return };
        let known = |c: &&mut Change<'_>| c.table.name == table.name && c.member == member;
        if let Some(change) = self.drops.iter_mut().find(known) {
            change.labels.extend(labels);
        } else if member.name().is_none() {
            self.refuse(&labels, "it has no name by which it could be dropped");
        } else if !member.inherited() {
            self.drops.push(Change {
                table,
                member,
                labels,
            });
        }
    }

    /// What a parent's brings along is mended by the parent's statement.
    fn with_parent(&mut self, table: &'a Table, member: Member<'a>, labels: Vec<String>) {
        let above = self.ancestors(&table.name);
        let mut parents = self.adds.iter_mut();
        let parent = parents.find(|c| above.contains(&c.table.name) && c.member.same_kind(member));
        match parent {
            Some(change) => change.labels.extend(labels),
            None => self.adds.push(Change {
                table,
                member,
                labels,
            }),
        }
    }

    /// Drops and makes again what the steps would break.
    fn disturb(&mut self) {
        loop {
            let mut found = Vec::new();
            for table in &self.actual.tables {
                for member in members(table).into_iter().filter(|m| !m.inherited()) {
                    let dropped = |c: &Change<'_>| c.table.name == table.name && c.member == member;
                    if self.drops.iter().any(dropped) {
                        continue;
                    }
                    let labels = self.disturbance(table, member);
                    if !labels.is_empty() {
                        found.push(Change {
                            table,
                            member,
                            labels,
                        });
                    }
                }
            }
            if found.is_empty() {
                return;
            }
            for change in found {
                self.make_again(&change);
                self.drops.push(change);
            }
        }
    }

    fn make_again(&mut self, change: &Change<'a>) {
        let expected = self.expected.table(&change.table.name);
        if expected.is_none() && self.key_goes(change.member) {
            return;
        }
        let wanted = expected.and_then(|table| Some((table, partner(change.member, table)?)));
        let (table, member) = wanted.unwrap_or((change.table, change.member));
        self.add_member(table, Some(member), change.labels.clone());
    }

    /// Whether a foreign key points to a key that is dropped for good.
    fn key_goes(&self, member: Member<'_>) -> bool {
        let Member::ForeignKey(key) = member else {
            return false;
        };
        let of = |c: &&Change<'_>| {
            c.table.name == key.references
                && c.member
                    .key_columns()
                    .is_some_and(|c| c == key.referenced_columns)
        };
        self.drops.iter().any(|c| of(&c)) && !self.adds.iter().any(|c| of(&c))
    }

    /// The findings whose repair breaks this constraint or index.
    fn disturbance(&self, table: &Table, member: Member<'_>) -> Vec<String> {
        let mut labels = Vec::new();
        for ((name, column), (touch, causes)) in &self.touched {
            let here = *name == table.name
                && match touch {
                    Touch::Retyped => member.computes_with(column),
                    Touch::Remade => member.uses(column),
                };
            let there = match member {
                Member::ForeignKey(key) => {
                    key.references == *name && key.referenced_columns.contains(column)
                }
                _ => false,
            };
            if here || there {
                labels.extend(causes.clone());
            }
        }
        if let Member::ForeignKey(key) = member {
            for drop in &self.drops {
                let mut columns = drop.member.key_columns().unwrap_or_default();
                let mut referenced = key.referenced_columns.clone();
                columns.sort();
                referenced.sort();
                if drop.table.name == key.references && columns == referenced {
                    labels.extend(drop.labels.clone());
                }
            }
        }
        labels
    }

    pub(super) fn member_steps(&mut self) {
        for change in self.drops.clone() {
            let phase = match change.member {
                Member::ForeignKey(_) => Phase::DropForeignKeys,
                _ => Phase::DropMembers,
            };
            if let Some(sql) = change.member.drop_sql(&change.table.name) {
                self.step(phase, sql, &change.labels, &[Hazard::AccessExclusiveLock]);
            }
        }
        let mut adds = self.adds.clone();
        // A partition's own comes first: its parent's then takes it over.
        adds.sort_by_cached_key(|c| std::cmp::Reverse(self.ancestors(&c.table.name).len()));
        for change in adds {
            self.add_step(&change);
        }
    }

    fn add_step(&mut self, change: &Change<'a>) {
        let (table, member) = (&change.table.name, change.member);
        let phase = phase(member);
        if let Member::ForeignKey(key) = member
            && !self.will_exist(&key.references)
        {
            let reason = format!(
                "table {} that it points to is not there and is not created by this repair",
                key.references
            );
            self.refuse(&change.labels, &reason);
            return;
        }
        self.step(
            phase,
            member.add_sql(table),
            &change.labels,
            &member.add_hazards(),
        );
        self.member_comment(table, member, &change.labels);
    }

    pub(super) fn member_comment(
        &mut self,
        table: &ObjectName,
        member: Member<'_>,
        labels: &[String],
    ) {
        if member.comment().is_some()
            && let Some(sql) = member.comment_sql(table)
        {
            self.step(Phase::Comments, sql, labels, &[]);
        }
    }

    /// Whether a table is there, or made by this repair.
    fn will_exist(&self, name: &ObjectName) -> bool {
        let made = |f: &&Finding| f.code == Code::TableMissing && is_at(&f.object, name);
        // A table outside of the audited schema is not known to either side.
        self.actual.table(name).is_some()
            || self.expected.table(name).is_none()
            || self.findings.iter().copied().any(|f| made(&f))
    }
}

pub(super) fn phase(member: Member<'_>) -> Phase {
    match member {
        Member::Primary(_) | Member::Unique(_) | Member::Exclusion(_) => Phase::Keys,
        Member::Check(_) => Phase::Checks,
        Member::Index(_) => Phase::Indexes,
        Member::ForeignKey(_) => Phase::ForeignKeys,
    }
}

/// The one that was found under another name, which the finding then says.
fn renamed<'a>(finding: &Finding, table: &'a Table) -> Option<Member<'a>> {
    let text = finding.actual.as_deref()?;
    let said = |m: &Member<'_>| {
        let name = m.name()?;
        text.strip_prefix(name)?.strip_prefix(": ")
    };
    let named = members(table).into_iter();
    named
        .filter(|m| is_of(*m, finding.category))
        .filter(|m| said(m).is_some())
        .max_by_key(|m| m.name().map(str::len))
}

/// Whether the table belongs to a parent.
fn comes_with_parent(table: &Table) -> bool {
    table.partition_of.is_some() || !table.inherits.is_empty()
}
