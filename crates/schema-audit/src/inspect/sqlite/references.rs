//! Foreign keys in the words of the tables that they point to.

use super::ident;
use crate::schema::Table;

/// Gives referenced tables and columns the spelling of their declaration, and
/// the parent's key where no columns are named.
pub(super) fn fill(tables: &mut [Table]) {
    let parents: Vec<(String, Vec<String>, Vec<String>)> = tables
        .iter()
        .map(|table| {
            let key = table.primary_key.as_ref();
            let key = key.map_or_else(Vec::new, |key| {
                let name = |column: &String| bare(column, table).to_owned();
                key.columns.iter().map(name).collect()
            });
            let columns = table.columns.iter().map(|c| c.name.clone()).collect();
            (table.name.name.clone(), columns, key)
        })
        .collect();
    let keys = tables.iter_mut().flat_map(|table| &mut table.foreign_keys);
    for key in keys {
        let Some((name, columns, primary)) = parents
            .iter()
            .find(|(name, ..)| ident::same(name, &key.references.name))
        else {
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
