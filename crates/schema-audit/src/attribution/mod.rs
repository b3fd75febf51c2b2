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

use std::collections::HashMap;

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

impl About {
    /// The object, without its schema.
    fn object(&self) -> &str {
        &self.finding.object.object
    }
}

/// One comparison. Findings meet only those of the same object, which are found
/// by its name: a schema of many tables has many findings.
struct Comparison {
    all: Vec<About>,
    by_object: HashMap<String, Vec<usize>>,
}

impl Comparison {
    fn of(expected: &Schema, actual: &Schema) -> Self {
        let all: Vec<About> = compare(expected, actual)
            .into_iter()
            .map(|finding| About {
                subjects: subject::of(&finding, expected, actual),
                finding,
            })
            .collect();
        let mut by_object: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, about) in all.iter().enumerate() {
            let places = by_object.entry(about.object().to_owned()).or_default();
            places.push(place);
        }
        Self { all, by_object }
    }

    /// What was found of an object.
    fn on(&self, object: &str) -> impl Iterator<Item = &About> {
        let places = self.by_object.get(object).into_iter().flatten();
        places.filter_map(|place| self.all.get(*place))
    }

    /// What is about one of the subjects that a finding is about.
    fn sharing<'a>(&'a self, about: &'a About) -> impl Iterator<Item = &'a About> {
        self.on(about.object()).filter(|found| {
            let mut subjects = found.subjects.iter();
            subjects.any(|subject| about.subjects.contains(subject))
        })
    }
}

/// The three comparisons.
struct Pairs {
    database: Comparison,
    entities: Comparison,
    entities_to_database: Comparison,
}

impl Pairs {
    fn of(migrations: &Schema, entities: &Schema, database: &Schema) -> Self {
        // The same tables may be in a schema of another name on each side.
        let [migrations, entities, database] = [migrations, entities, database].map(|schema| {
            let mut schema = schema.clone();
            schema.name = None;
            schema
        });
        Self {
            database: Comparison::of(&migrations, &database),
            entities: Comparison::of(&migrations, &entities),
            entities_to_database: Comparison::of(&entities, &database),
        }
    }

    /// What the database has otherwise than the migrations.
    fn of_database(&self) -> Vec<Finding> {
        let found = self.database.all.iter().map(|about| {
            let partners: Vec<&About> = self.entities.sharing(about).collect();
            if partners.is_empty() {
                return with_side(&about.finding, Side::Database);
            }
            let subjects: Vec<Subject> = partners
                .iter()
                .flat_map(|partner| partner.subjects.iter())
                .chain(&about.subjects)
                .cloned()
                .collect();
            if !self.disagree(about.object(), &subjects) {
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
        let alone = self.entities.all.iter();
        let alone = alone.filter(|about| self.database.sharing(about).next().is_none());
        let blamed = alone.filter(|about| {
            self.disagree(about.object(), &about.subjects)
                || self.database_is_silent(about)
                || !self.told_of_database(about)
        });
        blamed
            .map(|about| with_side(&about.finding, Side::Entities))
            .collect()
    }

    /// Whether entities and database differ in one of them, or in what is inside
    /// of a table or column that both have and the migrations lack.
    fn disagree(&self, object: &str, subjects: &[Subject]) -> bool {
        self.entities_to_database.on(object).any(|about| {
            about
                .subjects
                .iter()
                .any(|found| subjects.iter().any(|subject| subject.covers(found)))
        })
    }

    /// Whether the database lacks the table or column that they are in.
    fn database_is_silent(&self, about: &About) -> bool {
        let mut absent = self
            .database
            .on(about.object())
            .filter(|other| other.finding.actual.is_none())
            .flat_map(|other| &other.subjects);
        absent.any(|absent| about.subjects.iter().any(|subject| absent.covers(subject)))
    }

    /// Whether the database's side tells the same in other words: a foreign key
    /// that is another by its name is a new one by its definition. Entities and
    /// database agree on it then, and it is a finding of the migrations there.
    fn told_of_database(&self, about: &About) -> bool {
        self.database.on(about.object()).any(|other| {
            other.finding.category == about.finding.category
                && self.entities.sharing(other).next().is_some()
                && !self.disagree(other.object(), &other.subjects)
        })
    }
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
