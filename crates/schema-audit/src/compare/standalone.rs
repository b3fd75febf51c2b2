//! Types and sequences.

use super::{Code, Comparison, by_name::ByName, expression, matching::matched};
use crate::schema::{Check, Domain, Enum, Schema, Sequence};

impl<'a> Comparison<'a> {
    pub(super) fn enums(&mut self) {
        let (expected, actual): (&'a Schema, &'a Schema) = (self.expected, self.actual);
        let text = |e: &Enum| Some(format!("ENUM ({})", e.labels.join(", ")));
        for wanted in &expected.enums {
            let path = self.path(&wanted.name, None);
            match self.actual_by.enums.get(&wanted.name).copied() {
                None if actual.source == crate::schema::Source::Entities => {}
                None => self.add(Code::EnumMissing, path, text(wanted), None),
                Some(found) => {
                    if wanted.labels != found.labels {
                        self.add(Code::EnumChanged, path.clone(), text(wanted), text(found));
                    }
                    self.comment(&path, wanted.comment.as_ref(), found.comment.as_ref());
                }
            }
        }
        for found in &actual.enums {
            if !self.expected_by.enums.contains_key(&found.name)
                && expected.source != crate::schema::Source::Entities
            {
                let path = self.path(&found.name, None);
                self.add(Code::EnumUnexpected, path, None, text(found));
            }
        }
    }

    pub(super) fn domains(&mut self) {
        if self.with_entities() {
            return;
        }
        let (expected, actual): (&'a Schema, &'a Schema) = (self.expected, self.actual);
        for wanted in &expected.domains {
            let path = self.path(&wanted.name, None);
            match self.actual_by.domains.get(&wanted.name).copied() {
                None => self.add(Code::DomainMissing, path, Some(domain(wanted)), None),
                Some(found) => {
                    if !same_domain(wanted, found) {
                        let (a, b) = (domain(wanted), domain(found));
                        self.add(Code::DomainChanged, path.clone(), Some(a), Some(b));
                    }
                    self.comment(&path, wanted.comment.as_ref(), found.comment.as_ref());
                    self.conditions(wanted, found);
                }
            }
        }
        for found in &actual.domains {
            if !self.expected_by.domains.contains_key(&found.name) {
                let path = self.path(&found.name, None);
                self.add(Code::DomainUnexpected, path, None, Some(domain(found)));
            }
        }
    }

    /// The comments of a domain's conditions.
    fn conditions(&mut self, expected: &Domain, actual: &Domain) {
        for wanted in &expected.checks {
            let named = |check: &&Check| check.name.is_some() && check.name == wanted.name;
            if let Some(found) = actual.checks.iter().find(named) {
                let path = self.path(&expected.name, wanted.name.as_deref());
                self.comment(&path, wanted.comment.as_ref(), found.comment.as_ref());
            }
        }
    }

    pub(super) fn sequences(&mut self) {
        if self.with_entities() {
            return;
        }
        let (expected, actual): (&'a Schema, &'a Schema) = (self.expected, self.actual);
        for wanted in &expected.sequences {
            match counterpart(wanted, &self.actual_by) {
                Some(found) => self.sequence(wanted, found),
                None if goes_with_its_column(wanted, &self.actual_by) => {}
                None => {
                    let path = self.path(&wanted.name, None);
                    self.add(Code::SequenceMissing, path, Some(sequence(wanted)), None);
                }
            }
        }
        for found in &actual.sequences {
            let by_name = &self.expected_by;
            if counterpart(found, by_name).is_none() && !goes_with_its_column(found, by_name) {
                let path = self.path(&found.name, None);
                self.add(Code::SequenceUnexpected, path, None, Some(sequence(found)));
            }
        }
    }

    fn sequence(&mut self, expected: &Sequence, actual: &Sequence) {
        let path = self.path(&expected.name, None);
        let (a, b) = (sequence(expected), sequence(actual));
        if a != b {
            self.add(Code::SequenceChanged, path.clone(), Some(a), Some(b));
        } else if expected.name != actual.name {
            self.add(
                Code::NameChanged,
                path.clone(),
                Some(expected.name.to_string()),
                Some(actual.name.to_string()),
            );
        }
        self.comment(&path, expected.comment.as_ref(), actual.comment.as_ref());
    }
}

/// The sequence of that name, or the identity of the same column: its name
/// follows from the history of the table's.
fn counterpart<'a>(sequence: &Sequence, other: &ByName<'a>) -> Option<&'a Sequence> {
    let same_name = other.sequences.get(&sequence.name);
    let found = same_name.or_else(|| {
        let owner = sequence.owned_by.as_ref().filter(|owner| owner.identity)?;
        other.owned.get(owner)
    });
    found.copied()
}

/// Whether the column that the sequence belongs to is missing on the other side
/// or is no identity there: that is reported for the column.
fn goes_with_its_column(sequence: &Sequence, other: &ByName<'_>) -> bool {
    let Some(owner) = &sequence.owned_by else {
        return false;
    };
    let column = other
        .tables
        .get(&owner.table)
        .and_then(|table| table.column(&owner.column));
    owner.identity || column.is_none()
}

/// The names of the conditions do not count.
fn same_domain(a: &Domain, b: &Domain) -> bool {
    let same_check = |a: &Check, b: &Check| {
        a.not_valid == b.not_valid && expression::agree(&a.expression, &b.expression)
    };
    let checks = matched(&a.checks, &b.checks, &[&same_check]);
    a.data_type == b.data_type
        && a.collation == b.collation
        && a.nullable == b.nullable
        && expression::options_agree(a.default.as_deref(), b.default.as_deref())
        && checks.missing.is_empty()
        && checks.unexpected.is_empty()
}

fn domain(domain: &Domain) -> String {
    let mut parts = vec![domain.data_type.clone()];
    if let Some(collation) = &domain.collation {
        parts.push(format!("COLLATE {collation}"));
    }
    if let Some(default) = &domain.default {
        parts.push(format!("DEFAULT {default}"));
    }
    if !domain.nullable {
        parts.push("NOT NULL".to_owned());
    }
    let mut checks: Vec<String> = domain.checks.iter().map(super::describe::check).collect();
    checks.sort();
    for check in checks {
        parts.push(check);
    }
    parts.join(" ")
}

fn sequence(sequence: &Sequence) -> String {
    let mut parts = vec![format!(
        "{} START {} INCREMENT {} MINVALUE {} MAXVALUE {} CACHE {}",
        sequence.data_type,
        sequence.start,
        sequence.increment,
        sequence.minimum,
        sequence.maximum,
        sequence.cache
    )];
    if sequence.cycle {
        parts.push("CYCLE".to_owned());
    }
    if let Some(owner) = &sequence.owned_by {
        parts.push(format!("OWNED BY {}.{}", owner.table, owner.column));
    }
    parts.join(" ")
}
