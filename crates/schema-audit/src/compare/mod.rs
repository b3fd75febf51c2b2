//! Two schemas held against each other. Pure: no database is asked.
//!
//! Objects are matched by name. Constraints and indexes are matched by
//! definition first, then by name, so that a constraint without a name, or with
//! a generated one, is still recognised; another name alone is information.
//! What a source cannot say ([`Source::Entities`]) is not compared unless it
//! says it.

mod by_name;
mod code;
mod columns;
mod comments;
mod constraints;
pub(crate) mod default;
mod describe;
mod expression;
mod finding;
mod indexes;
mod letter_case;
mod matching;
mod standalone;
mod tables;
#[cfg(test)]
mod tests;
mod types;

use std::collections::BTreeSet;

pub use code::{Category, Code};
pub(crate) use constraints::plain_unique;
pub use finding::{Finding, Severity, Side};

use self::{by_name::ByName, letter_case::Spelling};
use crate::entities::in_words_of;
use crate::schema::{Dialect, ObjectName, ObjectPath, Schema, Source};

/// The differences between what should be there and what is there, ordered by
/// object, then by code. The same two schemas give the same findings, byte for
/// byte; the order of their lists does not matter.
#[must_use]
pub fn compare(expected: &Schema, actual: &Schema) -> Vec<Finding> {
    match (expected.source, actual.source) {
        (Source::Entities, Source::Catalog) => {
            compare_same_words(&in_words_of(actual, expected), actual)
        }
        (Source::Catalog, Source::Entities) => {
            compare_same_words(expected, &in_words_of(expected, actual))
        }
        _ => compare_same_words(expected, actual),
    }
}

fn compare_same_words(expected: &Schema, actual: &Schema) -> Vec<Finding> {
    if [expected.dialect, actual.dialect] == [Dialect::Sqlite; 2] {
        compare_sqlite(expected, actual)
    } else {
        compare_spelled(expected, actual, Vec::new())
    }
}

/// A table that differs by more than the letter case of names is compared by its
/// names as they are, because what a repair does depends on them.
fn compare_sqlite(expected: &Schema, actual: &Schema) -> Vec<Finding> {
    let mut except = BTreeSet::new();
    loop {
        let Some((respelled, spellings)) = letter_case::in_spelling_of(expected, actual, &except)
        else {
            return compare_spelled(expected, actual, Vec::new());
        };
        let tables: BTreeSet<String> = spellings.iter().map(|s| s.table.name.clone()).collect();
        let findings = compare_spelled(expected, &respelled, spellings);
        let differing = findings
            .iter()
            .filter(|finding| finding.severity != Severity::Info)
            .map(|finding| finding.object.object.clone())
            .filter(|table| tables.contains(table));
        let before = except.len();
        except.extend(differing);
        if except.len() == before {
            return findings;
        }
    }
}

fn compare_spelled(expected: &Schema, actual: &Schema, spellings: Vec<Spelling>) -> Vec<Finding> {
    let mut comparison = Comparison {
        expected,
        actual,
        expected_by: ByName::new(expected),
        actual_by: ByName::new(actual),
        findings: Vec::new(),
    };
    comparison.spellings(spellings);
    comparison.schemas();
    comparison.tables();
    comparison.enums();
    comparison.domains();
    comparison.sequences();
    let mut findings = comparison.findings;
    findings.sort_by(|a, b| {
        (&a.object, a.code, &a.expected, &a.actual).cmp(&(
            &b.object,
            b.code,
            &b.expected,
            &b.actual,
        ))
    });
    findings
}

/// A comparison while it runs.
struct Comparison<'a> {
    expected: &'a Schema,
    actual: &'a Schema,
    expected_by: ByName<'a>,
    actual_by: ByName<'a>,
    findings: Vec<Finding>,
}

impl<'a> Comparison<'a> {
    /// Whether one of the sides is entities, which leave much unsaid.
    fn with_entities(&self) -> bool {
        self.expected.source == Source::Entities || self.actual.source == Source::Entities
    }

    /// Whether two optional things have to be compared: always between catalogs;
    /// against entities only if the entity's side says something.
    fn says(&self, expected_says: bool, actual_says: bool) -> bool {
        (self.expected.source != Source::Entities || expected_says)
            && (self.actual.source != Source::Entities || actual_says)
    }

    fn path(&self, name: &ObjectName, member: Option<&str>) -> ObjectPath {
        let schema = name
            .schema
            .as_ref()
            .or(self.actual.name.as_ref())
            .or(self.expected.name.as_ref());
        ObjectPath {
            schema: schema.cloned(),
            object: name.name.clone(),
            member: member.map(str::to_owned),
        }
    }

    fn add(
        &mut self,
        code: Code,
        object: ObjectPath,
        expected: Option<String>,
        actual: Option<String>,
    ) {
        self.add_as(code, code.severity(), object, expected, actual);
    }

    fn add_as(
        &mut self,
        code: Code,
        severity: Severity,
        object: ObjectPath,
        expected: Option<String>,
        actual: Option<String>,
    ) {
        self.findings.push(Finding {
            code,
            category: code.category(),
            severity,
            object,
            expected,
            actual,
            side: None,
        });
    }

    fn spellings(&mut self, spellings: Vec<Spelling>) {
        for Spelling {
            table,
            column,
            actual,
        } in spellings
        {
            let path = self.path(&table, column.as_deref());
            let expected = column.unwrap_or(table.name);
            self.add(Code::NameChanged, path, Some(expected), Some(actual));
        }
    }

    fn schemas(&mut self) {
        let (expected, actual): (&'a Schema, &'a Schema) = (self.expected, self.actual);
        for schema in &expected.schemas {
            if !actual.schemas.contains(schema) {
                let path = schema_path(schema);
                self.add(Code::SchemaMissing, path, Some("a schema".to_owned()), None);
            }
        }
        for schema in &actual.schemas {
            if !expected.schemas.contains(schema) {
                let path = schema_path(schema);
                self.add(
                    Code::SchemaUnexpected,
                    path,
                    None,
                    Some("a schema".to_owned()),
                );
            }
        }
    }
}

fn schema_path(schema: &str) -> ObjectPath {
    ObjectPath {
        schema: None,
        object: schema.to_owned(),
        member: None,
    }
}
