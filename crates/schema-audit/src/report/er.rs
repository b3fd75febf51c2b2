//! An entity-relationship diagram of a schema, in Mermaid.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io::{self, Write},
};

use super::escape;
use crate::schema::{Column, ForeignKey, ObjectName, Schema, Table};

/// Writes the tables with their columns and keys, and the foreign keys between
/// them, as a Mermaid `erDiagram`.
///
/// Mermaid takes few characters in names: others become `_`, and the name as
/// it is stands beside it.
///
/// # Errors
///
/// Those of the writer.
pub fn write(schema: &Schema, out: &mut impl Write) -> io::Result<()> {
    let entities = Entities::of(schema);
    writeln!(out, "erDiagram")?;
    for (name, entity) in &entities.by_name {
        writeln!(out, "    {}[\"{}\"] {{", entity, quoted(&name.to_string()))?;
        if let Some(table) = schema.table(name) {
            for column in &table.columns {
                writeln!(out, "        {}", attribute(table, column))?;
            }
        }
        writeln!(out, "    }}")?;
    }
    for table in &schema.tables {
        for key in &table.foreign_keys {
            write_relation(table, key, &entities, out)?;
        }
    }
    Ok(())
}

/// What the tables are called in the diagram: those of the schema, and those
/// that a foreign key points to outside of it.
struct Entities<'a> {
    by_name: BTreeMap<&'a ObjectName, String>,
}

impl<'a> Entities<'a> {
    fn of(schema: &'a Schema) -> Self {
        let mut names: BTreeSet<&ObjectName> =
            schema.tables.iter().map(|table| &table.name).collect();
        for table in &schema.tables {
            names.extend(table.foreign_keys.iter().map(|key| &key.references));
        }
        let mut taken = BTreeSet::new();
        let mut by_name = BTreeMap::new();
        for name in names {
            let plain = identifier(&name.to_string());
            let mut entity = plain.clone();
            let mut number = 2;
            while !taken.insert(entity.to_lowercase()) {
                entity = format!("{plain}_{number}");
                number += 1;
            }
            by_name.insert(name, entity);
        }
        Self { by_name }
    }

    fn get(&self, name: &ObjectName) -> &str {
        self.by_name.get(name).map_or("", String::as_str)
    }
}

fn attribute(table: &Table, column: &Column) -> String {
    let (data_type, name) = (type_word(&column.data_type), identifier(&column.name));
    let mut line = format!("{data_type} {name}");
    let keys = keys(table, &column.name);
    if !keys.is_empty() {
        line.push(' ');
        line.push_str(&keys.join(", "));
    }
    let mut comment = Vec::new();
    if name != column.name {
        comment.push(quoted(&column.name));
    }
    if data_type != column.data_type && !column.data_type.is_empty() {
        comment.push(quoted(&column.data_type));
    }
    if !column.nullable {
        comment.push("not null".to_owned());
    }
    if !comment.is_empty() {
        let _ = write!(line, " \"{}\"", comment.join("; "));
    }
    line
}

/// PK, FK and UK, as far as they hold; UK only where the column alone is
/// unique.
fn keys(table: &Table, column: &str) -> Vec<&'static str> {
    let has = |columns: &[String]| columns.iter().any(|name| key_column(name, table) == column);
    let mut keys = Vec::new();
    if table
        .primary_key
        .as_ref()
        .is_some_and(|key| has(&key.columns))
    {
        keys.push("PK");
    }
    if table.foreign_keys.iter().any(|key| has(&key.columns)) {
        keys.push("FK");
    }
    if unique_sets(table, false).any(|columns| columns.len() == 1 && columns.contains(column)) {
        keys.push("UK");
    }
    keys
}

/// The sets of columns that are unique in a table.
fn unique_sets(table: &Table, with_primary_key: bool) -> impl Iterator<Item = BTreeSet<&str>> {
    let primary = table.primary_key.iter().filter(move |_| with_primary_key);
    let constraints = primary.chain(&table.uniques).map(|key| {
        let columns = key.columns.iter();
        columns.map(|name| key_column(name, table)).collect()
    });
    let indexes = table
        .indexes
        .iter()
        .filter(|index| index.unique && index.predicate.is_none())
        .filter(|index| index.keys.iter().all(|key| key.is_column))
        .map(|index| {
            let keys = index.keys.iter();
            keys.map(|key| key.expression.as_str()).collect()
        });
    constraints.chain(indexes)
}

/// The column of a key, which on SQLite may have its collation or direction
/// behind it.
fn key_column<'a>(name: &'a str, table: &Table) -> &'a str {
    if table.column(name).is_some() {
        return name;
    }
    let end = name
        .find(" COLLATE ")
        .or_else(|| name.strip_suffix(" DESC").map(str::len));
    end.map_or(name, |end| &name[..end])
}

fn write_relation(
    table: &Table,
    key: &ForeignKey,
    entities: &Entities<'_>,
    out: &mut impl Write,
) -> io::Result<()> {
    let optional = key
        .columns
        .iter()
        .any(|name| table.column(name).is_none_or(|column| column.nullable));
    let columns: BTreeSet<&str> = key.columns.iter().map(String::as_str).collect();
    let one = unique_sets(table, true).any(|unique| unique.is_subset(&columns));
    let parent = if optional { "|o" } else { "||" };
    let child = if one { "o|" } else { "o{" };
    let label = match &key.name {
        Some(name) => format!("{} ({})", name, key.columns.join(", ")),
        None => key.columns.join(", "),
    };
    writeln!(
        out,
        "    {} {parent}--{child} {} : \"{}\"",
        entities.get(&key.references),
        entities.get(&table.name),
        quoted(&label),
    )
}

/// Text between quotes: Mermaid has no escape for them, and ends at a `%` or a
/// backslash.
fn quoted(text: &str) -> String {
    escape::excerpt(text, 120)
        .chars()
        .map(|character| match character {
            '"' => '\'',
            '%' | '\\' | '{' | '}' | '[' | ']' | '<' | '>' | '`' | ';' | '#' => '_',
            other => other,
        })
        .collect()
}

/// A name of letters, digits and `_` that is not a word of Mermaid's own.
fn identifier(name: &str) -> String {
    let mut word: String = name.chars().take(120).map(word_character).collect();
    let starts_well = word.starts_with(|first: char| first.is_ascii_alphabetic());
    if !starts_well || is_reserved(&word) {
        word.insert_str(0, "n_");
    }
    word
}

/// A type of the characters that Mermaid takes: `numeric(10_2)`, `text[]`.
fn type_word(data_type: &str) -> String {
    if data_type.is_empty() {
        return "untyped".to_owned();
    }
    let mut word: String = data_type
        .chars()
        .take(120)
        .map(|character| match character {
            '(' | ')' | '[' | ']' => character,
            other => word_character(other),
        })
        .collect();
    let starts_well = word.starts_with(|first: char| first.is_ascii_alphabetic());
    let first = word.split(|character: char| !is_word(character)).next();
    if !starts_well || first.is_some_and(is_reserved) {
        word.insert_str(0, "n_");
    }
    word
}

fn word_character(character: char) -> char {
    if is_word(character) { character } else { '_' }
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// Words that the diagram's grammar reads as something else.
fn is_reserved(word: &str) -> bool {
    const RESERVED: [&str; 20] = [
        "pk",
        "fk",
        "uk",
        "one",
        "only",
        "zero",
        "many",
        "to",
        "optionally",
        "title",
        "direction",
        "style",
        "class",
        "classdef",
        "erdiagram",
        "acctitle",
        "accdescr",
        "u",
        "end",
        "default",
    ];
    RESERVED.contains(&word.to_lowercase().as_str())
}
