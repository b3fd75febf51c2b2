//! Foreign keys in the words of the tables that they point to.

use std::collections::HashMap;

use super::ident;
use crate::schema::Table;

/// Gives referenced tables and columns the spelling of their declaration, and
/// the parent's key where no columns are named.
pub(super) fn fill(tables: &mut [Table]) {
    let parents: HashMap<String, (String, Vec<String>, Vec<String>)> = tables
        .iter()
        .map(|table| {
            let key = table.primary_key.as_ref();
            let key = key.map_or_else(Vec::new, |key| {
                let name = |column: &String| bare(column, table).to_owned();
                key.columns.iter().map(name).collect()
            });
            let columns = table.columns.iter().map(|c| c.name.clone()).collect();
            let name = table.name.name.clone();
            (ident::folded(&name), (name, columns, key))
        })
        .collect();
    let keys = tables.iter_mut().flat_map(|table| &mut table.foreign_keys);
    for key in keys {
        let parent = parents.get(&ident::folded(&key.references.name));
        let Some((name, columns, primary)) = parent else {
            continue;
        };
        key.references.name.clone_from(name);
        if key.referenced_columns.is_empty() {
            key.referenced_columns.clone_from(primary);
        }
        for column in &mut key.referenced_columns {
            if let Some(declared) = columns.iter().find(|name| ident::same(name, column)) {
                column.clone_from(declared);
            }
        }
    }
}

/// A key's column without the COLLATE and DESC behind it.
fn bare<'k>(column: &'k str, table: &Table) -> &'k str {
    if table.column(column).is_some() {
        return column;
    }
    let column = column.strip_suffix(" DESC").unwrap_or(column);
    column
        .rsplit_once(" COLLATE ")
        .map_or(column, |(name, _)| name)
}
