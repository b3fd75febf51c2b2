//! Tables, foreign keys and indexes, by what they are and not by their names.
//!
//! What there should be is what the revision leaves, as it was recorded.

use std::{borrow::Cow, collections::BTreeSet};

use outreach_migration::LEDGERS;
use schema_audit::schema::{ForeignKey, Schema, Table};
use sea_orm_migration::sea_orm::DbBackend;

use super::{ChecklistLine, chain::Chain};
use crate::{audit::expected, exit::Error};

pub(super) fn lines(
    actual: &Schema,
    backend: DbBackend,
    chain: &Chain,
) -> Result<[ChecklistLine; 3], Error> {
    let wanted = expected(backend, chain.head)?;
    let mirrored = match chain.mirrored() {
        Some(revision) => expected(backend, revision)?,
        None => Schema::empty(wanted.dialect),
    };
    let head = chain.head.name;
    let line = |of: fn(&Schema) -> BTreeSet<String>, noun: &str| {
        let (all, mirrored) = (of(&wanted), of(&mirrored));
        let own: BTreeSet<String> = all.difference(&mirrored).cloned().collect();
        let mirrored: BTreeSet<String> = all.intersection(&mirrored).cloned().collect();
        ChecklistLine::unless(
            counted(mirrored.len(), noun, own.len()),
            &lacks(&all, &of(actual), head),
            told(&mirrored, &own),
        )
    };
    let indexes_of_revision = indexes(&wanted);
    Ok([
        line(tables, "table"),
        line(foreign_keys, "foreign key"),
        ChecklistLine::unless(
            "all indexes",
            &lacks(&indexes_of_revision, &indexes(actual), head),
            format!("{} with their columns", indexes_of_revision.len()),
        ),
    ])
}

/// `five tables and three of outreach's own`: what mirrors Alembic's chain is
/// counted apart from what later revisions add.
fn counted(mirrored: usize, noun: &str, own: usize) -> String {
    let plural = if mirrored == 1 { "" } else { "s" };
    let mut text = format!("{} {noun}{plural}", number(mirrored));
    if own > 0 {
        text = format!("{text} and {} of outreach's own", number(own));
    }
    text
}

fn number(number: usize) -> Cow<'static, str> {
    const WORDS: [&str; 10] = [
        "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    WORDS
        .get(number)
        .map_or_else(|| number.to_string().into(), |word| (*word).into())
}

fn told(mirrored: &BTreeSet<String>, own: &BTreeSet<String>) -> String {
    let mut text = joined(mirrored);
    if !own.is_empty() {
        text = format!("{text}; of outreach's own: {}", joined(own));
    }
    text
}

/// The tables of the chain; the ledger is a line of its own.
fn of_chain(schema: &Schema) -> impl Iterator<Item = &Table> {
    let tables = schema.tables.iter();
    tables.filter(move |table| !LEDGERS.contains(&table.name.name.as_str()))
}

fn tables(schema: &Schema) -> BTreeSet<String> {
    of_chain(schema)
        .map(|table| table.name.to_string())
        .collect()
}

/// Each as a line; one that was never checked against old rows, or is not
/// enforced, is none.
fn foreign_keys(schema: &Schema) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for table in of_chain(schema) {
        let holds = |key: &&ForeignKey| !key.not_valid && !key.not_enforced;
        for key in table.foreign_keys.iter().filter(holds) {
            let referenced = if key.referenced_columns.is_empty() {
                let primary = schema
                    .table(&key.references)
                    .and_then(|table| table.primary_key.as_ref());
                primary.map_or_else(String::new, |key| key.columns.join(", "))
            } else {
                key.referenced_columns.join(", ")
            };
            let action = match key.on_delete {
                schema_audit::schema::Action::NoAction => String::new(),
                action => format!(" on delete {}", action.as_sql().to_lowercase()),
            };
            keys.insert(format!(
                "{} ({}) to {} ({referenced}){action}",
                table.name,
                key.columns.join(", "),
                key.references
            ));
        }
    }
    keys
}

/// Each as a line; half-built and partial ones are none. A unique constraint is
/// a unique index.
fn indexes(schema: &Schema) -> BTreeSet<String> {
    let mut indexes = BTreeSet::new();
    let shown = |table: &Table, columns: &str, unique: bool| {
        let kind = if unique { " unique" } else { "" };
        format!("{} ({columns}){kind}", table.name)
    };
    for table in of_chain(schema) {
        for key in &table.uniques {
            indexes.insert(shown(table, &key.columns.join(", "), true));
        }
        let whole = |index: &&schema_audit::schema::Index| {
            !index.invalid && index.predicate.is_none() && index.method == "btree"
        };
        for index in table.indexes.iter().filter(whole) {
            let keys: Vec<_> = index
                .keys
                .iter()
                .map(|key| key.expression.as_str())
                .collect();
            indexes.insert(shown(table, &keys.join(", "), index.unique));
        }
    }
    indexes
}

fn joined(set: &BTreeSet<String>) -> String {
    set.iter().cloned().collect::<Vec<_>>().join("; ")
}

/// What is expected and not there; empty when all of it is.
fn lacks(expected: &BTreeSet<String>, actual: &BTreeSet<String>, head: &str) -> String {
    let missing: Vec<&str> = expected.difference(actual).map(String::as_str).collect();
    if missing.is_empty() {
        return String::new();
    }
    format!("lacks {}; expected at `{head}`", missing.join("; "))
}
