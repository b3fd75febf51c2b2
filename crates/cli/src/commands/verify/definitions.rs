//! Tables, foreign keys and indexes, by what they are and not by their names.
//!
//! What there should be is not written down here: the chain of this build is
//! run on an empty database in memory, and that is what it leaves.

use std::collections::BTreeSet;

use outreach_migration::{Migrator, MigratorTrait, REVISIONS};
use outreach_service::connect::{self, DatabaseOptions};
use schema_audit::{
    inspect::{Scope, inspect},
    schema::{Schema, Table},
};
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};

use super::{ChecklistLine, could_not_look};
use crate::exit::Error;

/// The tables that are named on the list; outreach's own come after.
const TABLES: [&str; 5] = [
    "jobs",
    "prospects",
    "email_logs",
    "settings",
    "discovery_queries",
];

pub(super) async fn lines(actual: &Schema) -> Result<[ChecklistLine; 3], Error> {
    let expected = expected().await?;
    Ok([
        ChecklistLine::unless(
            "five tables",
            &lacks(&tables(&expected), &tables(actual)),
            format!("{}{}", TABLES.join(", "), others(&expected)),
        ),
        ChecklistLine::unless(
            "three foreign keys",
            &lacks(&foreign_keys(&expected), &foreign_keys(actual)),
            joined(&foreign_keys(&expected)),
        ),
        ChecklistLine::unless(
            "all indexes",
            &lacks(&indexes(&expected), &indexes(actual)),
            format!("{} with their columns", indexes(&expected).len()),
        ),
    ])
}

async fn expected() -> Result<Schema, Error> {
    let options = DatabaseOptions::new("sqlite::memory:")?;
    let db = connect::open(&options).await.map_err(could_not_look)?;
    // Its log would read as if the database were migrated.
    Migrator::up(&db, None)
        .with_subscriber(NoSubscriber::default())
        .await
        .map_err(could_not_look)?;
    let schema = inspect(&db, &Scope::Current)
        .await
        .map_err(could_not_look)?;
    db.close().await.map_err(could_not_look)?;
    Ok(schema)
}

/// The tables of the chain; the ledger is a line of its own.
fn of_chain(schema: &Schema) -> impl Iterator<Item = &Table> {
    let ledgers = ["seaql_migrations", "alembic_version"];
    let tables = schema.tables.iter();
    tables.filter(move |table| !ledgers.contains(&table.name.name.as_str()))
}

fn tables(schema: &Schema) -> BTreeSet<String> {
    of_chain(schema)
        .map(|table| table.name.to_string())
        .collect()
}

fn others(schema: &Schema) -> String {
    let others: Vec<String> = tables(schema)
        .into_iter()
        .filter(|table| !TABLES.contains(&table.as_str()))
        .collect();
    if others.is_empty() {
        return String::new();
    }
    format!("; of outreach's own {}", others.join(", "))
}

/// Each as a line; one that was never checked against old rows is none.
fn foreign_keys(schema: &Schema) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for table in of_chain(schema) {
        for key in table.foreign_keys.iter().filter(|key| !key.not_valid) {
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
fn lacks(expected: &BTreeSet<String>, actual: &BTreeSet<String>) -> String {
    let missing: Vec<&str> = expected.difference(actual).map(String::as_str).collect();
    if missing.is_empty() {
        return String::new();
    }
    format!(
        "lacks {}; expected at `{}`",
        missing.join("; "),
        REVISIONS.last().map_or("none", |revision| revision.name)
    )
}
