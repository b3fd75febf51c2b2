//! Names of SQLite that differ in the case of ASCII letters alone, which are one
//! name to it.

use std::collections::{BTreeSet, HashMap};

use super::expression;
use crate::{
    inspect::sqlite::ident,
    schema::{Column, ObjectName, Schema, Table},
};

/// A name that is written in two ways.
pub(super) struct Spelling {
    pub(super) table: ObjectName,
    pub(super) column: Option<String>,
    pub(super) actual: String,
}

/// `actual` with the names of tables, columns and indexes as `expected` spells
/// them, and the tables and columns for which that makes a difference; none if it
/// does for none. The tables that are not to be renamed are left as they are.
pub(super) fn in_spelling_of(
    expected: &Schema,
    actual: &Schema,
    except: &BTreeSet<String>,
) -> Option<(Schema, Vec<Spelling>)> {
    let folded = |name: &str| name.to_ascii_lowercase();
    let wanted: HashMap<String, &Table> = expected
        .tables
        .iter()
        .map(|table| (folded(&table.name.name), table))
        .collect();
    let mut result = actual.clone();
    let mut spellings = Vec::new();
    for table in &mut result.tables {
        if let Some(wanted) = wanted.get(&folded(&table.name.name))
            && !except.contains(&wanted.name.name)
        {
            rename(table, wanted, &mut spellings);
        }
        for key in &mut table.foreign_keys {
            if let Some(parent) = wanted.get(&folded(&key.references.name)) {
                key.references.name.clone_from(&parent.name.name);
                for column in &mut key.referenced_columns {
                    respell(column, &parent.columns);
                }
            }
        }
    }
    result.sort();
    (result != *actual).then_some((result, spellings))
}

fn rename(table: &mut Table, wanted: &Table, spellings: &mut Vec<Spelling>) {
    if table.name != wanted.name {
        spellings.push(Spelling {
            table: wanted.name.clone(),
            column: None,
            actual: table.name.name.clone(),
        });
        table.name.clone_from(&wanted.name);
    }
    for index in &mut table.indexes {
        let same = wanted
            .indexes
            .iter()
            .find(|wanted| ident::same(&wanted.name, &index.name));
        if let Some(same) = same {
            index.name.clone_from(&same.name);
        }
    }
    let before: Vec<String> = table.columns.iter().map(|c| c.name.clone()).collect();
    for column in &mut table.columns {
        respell(&mut column.name, &wanted.columns);
    }
    let renamed: Vec<(String, String)> = before
        .into_iter()
        .zip(&table.columns)
        .map(|(old, column)| (old, column.name.clone()))
        .filter(|(old, new)| old != new)
        .collect();
    if !renamed.is_empty() {
        in_members(table, wanted, &renamed);
    }
    spellings.extend(renamed.into_iter().map(|(actual, column)| Spelling {
        table: wanted.name.clone(),
        column: Some(column),
        actual,
    }));
}

/// Gives the name the spelling of the column that has it.
fn respell(name: &mut String, columns: &[Column]) {
    if let Some(column) = columns
        .iter()
        .find(|column| ident::same(&column.name, name))
    {
        name.clone_from(&column.name);
    }
}

fn in_members(table: &mut Table, wanted: &Table, renamed: &[(String, String)]) {
    for key in table.primary_key.iter_mut().chain(&mut table.uniques) {
        for column in &mut key.columns {
            in_key(column, renamed);
        }
    }
    for key in &mut table.foreign_keys {
        for column in &mut key.columns {
            respell(column, &wanted.columns);
        }
    }
    let in_text = |text: &mut String| *text = expression::with_names(text, renamed);
    for check in &mut table.checks {
        in_text(&mut check.expression);
    }
    for column in &mut table.columns {
        if let Some(generated) = &mut column.generated {
            in_text(&mut generated.expression);
        }
    }
    for index in &mut table.indexes {
        for key in &mut index.keys {
            if key.is_column {
                respell(&mut key.expression, &wanted.columns);
            } else {
                in_text(&mut key.expression);
            }
        }
        if let Some(predicate) = &mut index.predicate {
            in_text(predicate);
        }
    }
}

/// A key's column may have COLLATE or DESC behind it.
fn in_key(column: &mut String, renamed: &[(String, String)]) {
    for (old, new) in renamed {
        let behind = column.strip_prefix(old.as_str());
        if let Some(behind) = behind.filter(|b| b.is_empty() || b.starts_with(' ')) {
            *column = format!("{new}{behind}");
            return;
        }
    }
}
