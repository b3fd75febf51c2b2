//! Lets entities speak in the words of a catalog.

use super::types;
use crate::compare::{default, plain_unique};
use crate::schema::{Check, Column, Dialect, ForeignKey, Key, Schema, Table};

/// A copy of what the entities say in which everything that describes the same
/// thing as the catalog is written as the catalog writes it: types that
/// [`fit`](types::fits), keys and foreign keys of the same columns in another
/// order, identity or a sequence behind an automatic key, expressions that differ
/// in casts and parentheses, checks that the entities do not mention beside some
/// that they do. What then still differs, differs in meaning.
#[must_use]
pub fn in_words_of(catalog: &Schema, entities: &Schema) -> Schema {
    let mut result = entities.clone();
    for table in &mut result.tables {
        if let Some(found) = catalog.table(&table.name) {
            reconcile(entities.dialect, table, found, catalog);
        }
    }
    // Entities know the schemas of their own tables only.
    for schema in &catalog.schemas {
        if !result.schemas.contains(schema) && !result.schemas.is_empty() {
            result.schemas.push(schema.clone());
        }
    }
    result.sort();
    result
}

fn reconcile(dialect: Dialect, table: &mut Table, found: &Table, catalog: &Schema) {
    for column in &mut table.columns {
        if let Some(found_column) = found.column(&column.name) {
            reconcile_column(dialect, column, found_column);
            if is_rowid(dialect, found, found_column) {
                column.nullable = found_column.nullable;
            }
        }
    }
    if let (Some(key), Some(other)) = (&mut table.primary_key, &found.primary_key) {
        adopt_columns(key, other);
    }
    let indexes: Vec<Key> = found.indexes.iter().filter_map(plain_unique).collect();
    for key in &mut table.uniques {
        for other in found.uniques.iter().chain(&indexes) {
            adopt_columns(key, other);
        }
    }
    for key in &mut table.foreign_keys {
        for other in &found.foreign_keys {
            adopt_reference(key, other, catalog);
        }
    }
    if !table.checks.is_empty() {
        reconcile_checks(&mut table.checks, &found.checks);
    }
}

fn reconcile_column(dialect: Dialect, column: &mut Column, found: &Column) {
    if types::fits(dialect, &column.data_type, &found.data_type) {
        column.data_type.clone_from(&found.data_type);
    }
    let automatic = found.identity.is_some()
        || found
            .default
            .as_ref()
            .is_some_and(|default| default.starts_with("nextval("));
    if column.identity.is_some() && automatic {
        column.identity = found.identity;
    }
    if let (Some(default), Some(other)) = (&mut column.default, &found.default)
        && same_default(dialect, &found.data_type, default, other)
    {
        default.clone_from(other);
    }
    if let (Some(generated), Some(other)) = (&mut column.generated, &found.generated)
        && loosely(&generated.expression) == loosely(&other.expression)
    {
        generated.expression.clone_from(&other.expression);
    }
}

// A literal means what its column's type makes of it, and a cast may change it.
fn same_default(dialect: Dialect, data_type: &str, a: &str, b: &str) -> bool {
    default::agree(dialect, (data_type, a), (data_type, b))
        || same_truth(dialect, a, b)
        || (!default::is_literal(a) && !default::is_literal(b) && loosely(a) == loosely(b))
}

// SQLite has no truth values of its own: TRUE is another way to write 1.
fn same_truth(dialect: Dialect, a: &str, b: &str) -> bool {
    let truth = |text: &str| match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    };
    dialect == Dialect::Sqlite && truth(a).is_some() && truth(a) == truth(b)
}

// The key that is SQLite's own row number is never NULL, declared or not.
fn is_rowid(dialect: Dialect, table: &Table, column: &Column) -> bool {
    dialect == Dialect::Sqlite
        && column.data_type.eq_ignore_ascii_case("integer")
        && table.primary_key.as_ref().is_some_and(
            |key| matches!(key.columns.as_slice(), [only] if bare(only) == column.name),
        )
}

fn adopt_columns(key: &mut Key, other: &Key) {
    let sorted = |key: &Key| {
        let mut columns: Vec<String> = key.columns.iter().map(|c| bare(c).to_owned()).collect();
        columns.sort();
        columns
    };
    if sorted(key) == sorted(other) {
        key.columns.clone_from(&other.columns);
    }
}

// On SQLite a column of a key may carry a collation and a direction.
pub(crate) fn bare(column: &str) -> &str {
    let end = [" COLLATE ", " DESC"]
        .iter()
        .filter_map(|suffix| column.find(suffix))
        .min();
    end.map_or(column, |end| &column[..end])
}

fn adopt_reference(key: &mut ForeignKey, other: &ForeignKey, catalog: &Schema) {
    if key.references != other.references {
        return;
    }
    let primary = |named: &[String]| -> Vec<String> {
        if !named.is_empty() {
            return named.to_vec();
        }
        let table = catalog.table(&other.references);
        let key = table.and_then(|table| table.primary_key.as_ref());
        key.map_or_else(Vec::new, |key| key.columns.clone())
    };
    let pairs = |key: &ForeignKey| {
        let referenced = primary(&key.referenced_columns);
        let mut pairs: Vec<(String, String)> =
            key.columns.iter().cloned().zip(referenced).collect();
        pairs.sort();
        pairs
    };
    if pairs(key) == pairs(other) {
        key.columns.clone_from(&other.columns);
        key.referenced_columns.clone_from(&other.referenced_columns);
    }
}

// Checks that no column states are not said to be missing.
fn reconcile_checks(stated: &mut Vec<Check>, found: &[Check]) {
    let mut checks: Vec<Check> = found.to_vec();
    for check in stated.drain(..) {
        let known = found
            .iter()
            .any(|other| loosely(&other.expression) == loosely(&check.expression));
        if !known {
            checks.push(check);
        }
    }
    *stated = checks;
}

/// An expression without what a database adds to it or leaves out: white space,
/// parentheses, casts, quotes around plain names, letter case outside of texts.
/// PostgreSQL's `= ANY (ARRAY[…])` is read as the `IN (…)` that it came from.
pub(crate) fn loosely(expression: &str) -> String {
    let mut result = String::with_capacity(expression.len());
    let mut rest = expression;
    while let Some(next) = rest.chars().next() {
        let mut length = next.len_utf8();
        match next {
            '\'' => {
                length = text_length(rest);
                result.push_str(&rest[..length]);
            }
            ':' if rest.starts_with("::") => length = 2 + cast_length(&rest[2..]),
            '(' | ')' | '"' | '[' | ']' => {}
            other if other.is_whitespace() => {}
            other => result.extend(other.to_lowercase()),
        }
        rest = &rest[length..];
    }
    result.replace("=anyarray", "in")
}

fn text_length(text: &str) -> usize {
    let mut quotes = text.match_indices('\'').skip(1);
    while let Some((position, _)) = quotes.next() {
        if !text[position + 1..].starts_with('\'') {
            return position + 1;
        }
        quotes.next();
    }
    text.len()
}

// `character varying(20)[]`, `"Mood"`; ends where the type's name does.
fn cast_length(text: &str) -> usize {
    const OF_SEVERAL_WORDS: [&str; 7] = [
        "character varying",
        "double precision",
        "bit varying",
        "timestamp with time zone",
        "timestamp without time zone",
        "time with time zone",
        "time without time zone",
    ];
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '"');
    let mut length = OF_SEVERAL_WORDS
        .iter()
        .find(|name| text.starts_with(**name))
        .map_or_else(
            || text.find(|c| !word(c)).unwrap_or(text.len()),
            |name| name.len(),
        );
    for (open, close) in [('(', ')'), ('[', ']')] {
        if text[length..].starts_with(open)
            && let Some(end) = text[length..].find(close)
        {
            length += end + 1;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_that_a_cast_cuts_is_another_one() {
        let same = |a, b| same_default(Dialect::Postgres, "text", a, b);
        assert!(same("'abc'", "'abc'::text"));
        assert!(same("GEN_RANDOM_UUID()", "gen_random_uuid()"));
        assert!(!same("'abc'", "('abc'::character varying(2))::text"));
        assert!(!same("'T'", "'t'::text"));
    }
}
