//! Which of three is the odd one out: the migrations, the entities, or the live
//! database.
//!
//! All three pairs are compared. Findings about one subject (a column's type, a
//! key over the same columns, whatever it is called on each side) are put
//! together, and the pairs that agree on it tell whose it is. An entity that
//! cannot speak of a subject denies nothing; then the migrations are right.

mod subject;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use subject::Subject;

use crate::compare::{Category, Finding, Side, compare};
use crate::schema::Schema;

/// The differences between migrations, entities and live database, each with the
/// side that it is to be blamed on. A finding of [`Side::Entities`] has the
/// entity's word as what is there; any other has the database's. What is
/// expected is always what the migrations say. Ordered by object, code and side;
/// the same three schemas give the same findings, byte for byte.
#[must_use]
pub fn attribute(migrations: &Schema, entities: &Schema, database: &Schema) -> Vec<Finding> {
    let pairs = Pairs::of(migrations, entities, database);
    let mut findings = pairs.of_database();
    findings.extend(pairs.of_entities());
    let schema = database.name.as_ref().or(migrations.name.as_ref());
    for finding in &mut findings {
        if finding.object.schema.is_none() && !names_a_schema(finding) {
            finding.object.schema = schema.cloned();
        }
    }
    findings.sort_by(|a, b| key(a).cmp(&key(b)));
    findings.dedup();
    findings
}

fn names_a_schema(finding: &Finding) -> bool {
    finding.category == Category::Schema
}

fn key(finding: &Finding) -> impl Ord {
    let Finding {
        code,
        object,
        expected,
        actual,
        side,
        ..
    } = finding;
    (
        object.clone(),
        *code,
        *side,
        expected.clone(),
        actual.clone(),
    )
}

/// A finding, and everything that it is about: a changed constraint is about
/// what it was and about what it is.
struct About {
    finding: Finding,
    subjects: Vec<Subject>,
}

/// The three comparisons.
struct Pairs {
    database: Vec<About>,
    entities: Vec<About>,
    entities_to_database: Vec<About>,
    absent_in_database: BTreeSet<Subject>,
}

impl Pairs {
    fn of(migrations: &Schema, entities: &Schema, database: &Schema) -> Self {
        // The same tables may be in a schema of another name on each side.
        let [migrations, entities, database] = [migrations, entities, database].map(|schema| {
            let mut schema = schema.clone();
            schema.name = None;
            schema
        });
        let about = |expected: &Schema, actual: &Schema| -> Vec<About> {
            compare(expected, actual)
                .into_iter()
                .map(|finding| About {
                    subjects: subject::of(&finding, expected, actual),
                    finding,
                })
                .collect()
        };
        let of_database = about(&migrations, &database);
        Self {
            absent_in_database: of_database
                .iter()
                .filter(|about| about.finding.actual.is_none())
                .flat_map(|about| about.subjects.iter().cloned())
                .collect(),
            database: of_database,
            entities: about(&migrations, &entities),
            entities_to_database: about(&entities, &database),
        }
    }

    /// What the database has otherwise than the migrations.
    fn of_database(&self) -> Vec<Finding> {
        let found = self.database.iter().map(|about| {
            let partners: Vec<&About> = sharing(&self.entities, &about.subjects).collect();
            if partners.is_empty() {
                return with_side(&about.finding, Side::Database);
            }
            let subjects: Vec<Subject> = partners
                .iter()
                .flat_map(|partner| partner.subjects.iter())
                .chain(&about.subjects)
                .cloned()
                .collect();
            if !self.disagree(&subjects) {
                return with_side(&about.finding, Side::Migrations);
            }
            let mut finding = with_side(&about.finding, Side::All);
            let words: Vec<Option<&str>> = partners
                .iter()
                .map(|partner| partner.finding.actual.as_deref())
                .collect();
            finding.actual = Some(both(finding.actual.as_deref(), &words));
            finding
        });
        found.collect()
    }

    /// What the entities alone have otherwise than the migrations.
    fn of_entities(&self) -> Vec<Finding> {
        let alone = self
            .entities
            .iter()
            .filter(|about| sharing(&self.database, &about.subjects).next().is_none());
        let blamed = alone.filter(|about| {
            self.disagree(&about.subjects)
                || self.database_is_silent(&about.subjects)
                || !self.told_of_database(about)
        });
        blamed
            .map(|about| with_side(&about.finding, Side::Entities))
            .collect()
    }

    /// Whether entities and database differ in one of them, or in what is inside
    /// of a table or column that both have and the migrations lack.
    fn disagree(&self, subjects: &[Subject]) -> bool {
        self.entities_to_database.iter().any(|about| {
            about
                .subjects
                .iter()
                .any(|found| subjects.iter().any(|subject| subject.covers(found)))
        })
    }

    /// Whether the database lacks the table or column that they are in.
    fn database_is_silent(&self, subjects: &[Subject]) -> bool {
        subjects.iter().any(|subject| {
            self.absent_in_database
                .iter()
                .any(|absent| absent.covers(subject))
        })
    }

    /// Whether the database's side tells the same in other words: a foreign key
    /// that is another by its name is a new one by its definition. Entities and
    /// database agree on it then, and it is a finding of the migrations there.
    fn told_of_database(&self, about: &About) -> bool {
        self.database.iter().any(|other| {
            other.finding.category == about.finding.category
                && other.finding.object.object == about.finding.object.object
                && sharing(&self.entities, &other.subjects).next().is_some()
                && !self.disagree(&other.subjects)
        })
    }
}

fn sharing<'a>(
    all: &'a [About],
    subjects: &'a [Subject],
) -> impl Iterator<Item = &'a About> + use<'a> {
    all.iter()
        .filter(move |about| about.subjects.iter().any(|found| subjects.contains(found)))
}

fn with_side(finding: &Finding, side: Side) -> Finding {
    Finding {
        side: Some(side),
        ..finding.clone()
    }
}

fn both(database: Option<&str>, entities: &[Option<&str>]) -> String {
    let word = |text: Option<&str>| text.unwrap_or("nothing").to_owned();
    let mut words: Vec<String> = entities.iter().map(|text| word(*text)).collect();
    words.dedup();
    format!(
        "database: {}; entities: {}",
        word(database),
        words.join(", ")
    )
}
