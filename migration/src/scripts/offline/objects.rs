//! What a range of revisions adds and removes, by name, from the recorded
//! schemas.

use std::collections::BTreeSet;

use sea_orm::DbBackend;
use serde::Deserialize;

use super::OfflineError;
use crate::{Revision, snapshots};

/// An object that is there or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Object {
    /// A table or an index.
    Named(String),
    /// A column: its table and its name.
    Column(String, String),
}

#[derive(Deserialize)]
struct Schema {
    tables: Vec<Table>,
}

#[derive(Deserialize)]
struct Table {
    name: Name,
    columns: Vec<Name>,
    #[serde(default)]
    indexes: Vec<Name>,
}

/// Anything that has a name; a table's is an object of its own.
#[derive(Deserialize)]
struct Name {
    name: NameText,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NameText {
    Plain(String),
    Object { name: String },
}

impl Name {
    fn text(&self) -> &str {
        match &self.name {
            NameText::Plain(name) | NameText::Object { name } => name,
        }
    }
}

/// The objects that are there once these revisions are applied.
pub(super) fn objects(
    backend: DbBackend,
    applied: &[Revision],
) -> Result<BTreeSet<Object>, OfflineError> {
    let mut objects = BTreeSet::new();
    let Some(newest) = applied.last() else {
        return Ok(objects);
    };
    let text = snapshots::snapshot(backend, newest.name).unwrap_or_default();
    let schema: Schema = serde_json::from_str(text).map_err(|source| OfflineError::Schema {
        revision: newest.name,
        source,
    })?;
    for table in schema.tables {
        let name = table.name.text();
        objects.insert(Object::Named(name.to_owned()));
        for index in &table.indexes {
            objects.insert(Object::Named(index.text().to_owned()));
        }
        for column in &table.columns {
            objects.insert(Object::Column(name.to_owned(), column.text().to_owned()));
        }
    }
    Ok(objects)
}
