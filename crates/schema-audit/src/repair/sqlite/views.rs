//! Which views read a table: they cannot stay when it goes.

use crate::{
    inspect::sqlite::{ident, tables_read},
    schema::Schema,
};

/// The views that read this table, also through other views; those that read
/// others come first, as they have to be dropped.
pub(super) fn reading<'s>(table: &str, schema: &'s Schema) -> Vec<&'s str> {
    let views: Vec<(&str, Vec<String>)> = schema
        .unmodelled
        .iter()
        .filter(|item| item.kind == "view")
        .filter_map(|item| {
            let definition = item.definition.as_deref()?;
            Some((item.name.as_str(), tables_read(definition)))
        })
        .collect();
    let mut found: Vec<&str> = Vec::new();
    loop {
        let next = views.iter().find(|(view, reads)| {
            !found.contains(view)
                && reads.iter().any(|read| {
                    ident::same(read, table) || found.iter().any(|name| ident::same(read, name))
                })
        });
        let Some((view, _)) = next else {
            found.reverse();
            return found;
        };
        found.push(view);
    }
}
