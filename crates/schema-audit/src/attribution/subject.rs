//! What a finding is about, by definition: the names of constraints and indexes
//! differ between three sides, and entities have none.

use crate::compare::{Category, Code, Finding, plain_unique};
use crate::entities::{bare, loosely};
use crate::schema::{ForeignKey, Index, ObjectName, Schema, Table};

/// One thing on which two sides can differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subject {
    /// The table, type or sequence, with its schema.
    object: String,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// The object itself.
    Object(Category),
    /// The column itself.
    Column(String),
    /// A property of a column.
    Property(String, Category, &'static str),
    PrimaryKey,
    /// Columns that are unique, in alphabetical order, by a constraint or by an
    /// index.
    Unique(Vec<String>),
    /// Pairs of column and referenced column, and the referenced table.
    ForeignKey(Vec<(String, String)>, ObjectName),
    /// A condition, without casts and parentheses.
    Check(String),
    /// What an index is ordered by.
    Index(Vec<String>),
    /// Anything else that has a name.
    Member(Category, String),
}

impl Subject {
    /// Whether it is the other one, or what the other one is in.
    pub(super) fn covers(&self, other: &Self) -> bool {
        if self.object != other.object {
            return false;
        }
        match (&self.what, &other.what) {
            (What::Object(Category::Table), _) => true,
            (What::Column(name), What::Property(of, ..)) => name == of,
            (one, other) => one == other,
        }
    }
}

/// What a finding is about; for a constraint that changed, what it was and what
/// it is.
pub(super) fn of(finding: &Finding, expected: &Schema, actual: &Schema) -> Vec<Subject> {
    let object = match &finding.object.schema {
        Some(schema) => ObjectName::qualified(schema, &finding.object.object),
        None => ObjectName::local(&finding.object.object),
    };
    let mut found: Vec<What> = match &finding.object.member {
        None => vec![whole(finding)],
        Some(member) => [
            finding.expected.as_ref().and(expected.table(&object)),
            finding.actual.as_ref().and(actual.table(&object)),
        ]
        .into_iter()
        .flatten()
        .flat_map(|table| inside(finding, table, member))
        .collect(),
    };
    if found.is_empty() {
        let member = finding.object.member.clone().unwrap_or_default();
        found.push(What::Member(finding.category, member));
    }
    found.sort();
    found.dedup();
    found
        .into_iter()
        .map(|what| Subject {
            object: object.to_string(),
            what,
        })
        .collect()
}

fn whole(finding: &Finding) -> What {
    match finding.code {
        Code::TableMissing | Code::TableUnexpected => What::Object(Category::Table),
        code => What::Member(code.category(), String::new()),
    }
}

// The things of that name in one table; a constraint is found by its name, or by
// the text that stands for one.
fn inside(finding: &Finding, table: &Table, member: &str) -> Vec<What> {
    let named = |name: Option<&String>, label: &str| match name {
        Some(name) => name == member,
        None => label == member,
    };
    match finding.category {
        Category::Column => vec![What::Column(member.to_owned())],
        Category::Type
        | Category::Nullability
        | Category::Default
        | Category::Generated
        | Category::Identity => {
            let code = finding.code.as_str();
            vec![What::Property(member.to_owned(), finding.category, code)]
        }
        Category::Comment if table.column(member).is_some() => {
            let code = finding.code.as_str();
            vec![What::Property(member.to_owned(), finding.category, code)]
        }
        Category::PrimaryKey => vec![What::PrimaryKey],
        Category::Unique => uniques(table)
            .filter(|(name, columns)| named(name.as_ref(), &format!("({})", columns.join(", "))))
            .map(|(_, columns)| unique(&columns))
            .collect(),
        Category::Index => table
            .indexes
            .iter()
            .filter(|index| index.name == member)
            .map(index)
            .collect(),
        Category::ForeignKey => table
            .foreign_keys
            .iter()
            .filter(|key| named(key.name.as_ref(), &label(key)))
            .map(foreign_key)
            .collect(),
        Category::Check => table
            .checks
            .iter()
            .filter(|check| named(check.name.as_ref(), &check.expression))
            .map(|check| What::Check(loosely(&check.expression)))
            .collect(),
        _ => Vec::new(),
    }
}

fn uniques(table: &Table) -> impl Iterator<Item = (Option<String>, Vec<String>)> + use<'_> {
    let indexes = table.indexes.iter().filter_map(plain_unique);
    let keys = table.uniques.iter().cloned().chain(indexes);
    keys.map(|key| (key.name, key.columns))
}

fn unique(columns: &[String]) -> What {
    let mut columns: Vec<String> = columns
        .iter()
        .map(|column| bare(column).to_owned())
        .collect();
    columns.sort();
    What::Unique(columns)
}

fn index(index: &Index) -> What {
    match plain_unique(index) {
        Some(key) => unique(&key.columns),
        None => What::Index(
            index
                .keys
                .iter()
                .map(|key| key.expression.clone())
                .collect(),
        ),
    }
}

fn foreign_key(key: &ForeignKey) -> What {
    let columns = key.columns.iter().cloned();
    let mut pairs: Vec<(String, String)> = columns
        .zip(key.referenced_columns.iter().cloned())
        .collect();
    pairs.sort();
    What::ForeignKey(pairs, key.references.clone())
}

// As a comparison names a foreign key that has no name.
fn label(key: &ForeignKey) -> String {
    format!(
        "({})->{}({})",
        key.columns.join(","),
        key.references.name,
        key.referenced_columns.join(",")
    )
}
