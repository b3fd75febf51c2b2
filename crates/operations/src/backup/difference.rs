//! How a database differs from a manifest.

use std::{collections::BTreeSet, fmt};

use schema_audit::{compare::compare, schema::Schema};
use serde::Serialize;

use super::Manifest;
use crate::contents::{Contents, TableContents};

/// One thing that is not as the manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Difference {
    /// The file's length in bytes.
    Length {
        /// By the manifest.
        expected: u64,
        /// Of the file.
        found: u64,
    },
    /// The file's SHA-256.
    Checksum {
        /// By the manifest.
        expected: String,
        /// Of the file.
        found: String,
    },
    /// The schema, by one finding of a comparison.
    Schema {
        /// The finding's code and what it is about.
        finding: String,
    },
    /// The manifest's own record of the schema does not have its fingerprint.
    Fingerprint,
    /// A table of the manifest is not there.
    MissingTable {
        /// Its name.
        table: String,
    },
    /// A table is there that the manifest does not have.
    ExtraTable {
        /// Its name.
        table: String,
    },
    /// The number of a table's rows.
    Rows {
        /// Its name.
        table: String,
        /// By the manifest.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// As many rows, but others, or other columns.
    Content {
        /// The table's name.
        table: String,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { expected, found } => {
                write!(f, "the file has {found} bytes instead of {expected}")
            }
            Self::Checksum { expected, found } => write!(
                f,
                "the file's checksum is {found}, and the manifest says {expected}"
            ),
            Self::Schema { finding } => write!(f, "the schema differs: {finding}"),
            Self::Fingerprint => {
                write!(f, "the manifest's schema does not have its own fingerprint")
            }
            Self::MissingTable { table } => write!(f, "the table `{table}` is missing"),
            Self::ExtraTable { table } => write!(f, "the table `{table}` is not in the manifest"),
            Self::Rows {
                table,
                expected,
                found,
            } => write!(
                f,
                "the table `{table}` has {found} rows instead of {expected}"
            ),
            Self::Content { table } => {
                write!(f, "the rows of the table `{table}` have another content")
            }
        }
    }
}

/// What a database with this schema and these contents does not have in common
/// with the manifest.
pub(super) fn differences(
    manifest: &Manifest,
    schema: &Schema,
    contents: &Contents,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    if super::manifest::fingerprint(&manifest.structure) != manifest.schema_fingerprint {
        differences.push(Difference::Fingerprint);
    }
    let structure = as_restored(&manifest.structure, schema);
    let findings = compare(&structure, schema);
    differences.extend(findings.iter().map(|finding| Difference::Schema {
        finding: format!("{} {}", finding.code, finding.object),
    }));
    let others = other_objects(&structure, schema);
    let is_explained = !findings.is_empty() || !others.is_empty();
    differences.extend(others);
    let fingerprint = super::manifest::fingerprint;
    if !is_explained && fingerprint(schema) != fingerprint(&structure) {
        // Something that the comparison knows to mean the same, or does not look at.
        differences.push(Difference::Schema {
            finding: "its fingerprint is another one".to_owned(),
        });
    }
    differences.extend(of_contents(&manifest.contents, contents));
    differences
}

/// `pg_dump` does not say that the triggers of a foreign key are switched off: a
/// restored key is enforced, which no row of the backup may stand against.
fn as_restored(saved: &Schema, restored: &Schema) -> Schema {
    let mut saved = saved.clone();
    for table in &mut saved.tables {
        let keys = restored.table(&table.name).map(|t| &t.foreign_keys[..]);
        for key in &mut table.foreign_keys {
            let mut there = keys.unwrap_or_default().iter();
            if there.any(|one| one.name == key.name && !one.not_enforced) {
                key.not_enforced = false;
            }
        }
    }
    saved
}

/// Views, functions and whatever else a comparison of schemas does not look at.
fn other_objects(expected: &Schema, found: &Schema) -> Vec<Difference> {
    let named = |schema: &Schema| -> BTreeSet<String> {
        let objects = schema.unmodelled.iter();
        objects.map(|o| format!("{} {}", o.kind, o.name)).collect()
    };
    let (expected, found) = (named(expected), named(found));
    let missing = expected.difference(&found);
    let missing = missing.map(|name| format!("{name} is missing"));
    let extra = found.difference(&expected);
    let extra = extra.map(|name| format!("{name} is not in the manifest"));
    missing
        .chain(extra)
        .map(|finding| Difference::Schema { finding })
        .collect()
}

fn of_contents(expected: &Contents, found: &Contents) -> Vec<Difference> {
    let names = expected.tables.iter().chain(&found.tables);
    let names: BTreeSet<&str> = names.map(|table| table.table.as_str()).collect();
    names
        .into_iter()
        .filter_map(|name| of_table(name, expected.table(name), found.table(name)))
        .collect()
}

fn of_table(
    name: &str,
    expected: Option<&TableContents>,
    found: Option<&TableContents>,
) -> Option<Difference> {
    let table = name.to_owned();
    match (expected, found) {
        (Some(_), None) => Some(Difference::MissingTable { table }),
        (None, _) => Some(Difference::ExtraTable { table }),
        (Some(expected), Some(found)) if expected.rows != found.rows => Some(Difference::Rows {
            table,
            expected: expected.rows,
            found: found.rows,
        }),
        (Some(expected), Some(found)) if expected != found => Some(Difference::Content { table }),
        _ => None,
    }
}
