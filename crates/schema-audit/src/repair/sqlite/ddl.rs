//! Statements that make tables and indexes, from their models.

use crate::{
    inspect::sqlite::ident::{self, quote},
    schema::{Action, Check, Column, Deferrable, ForeignKey, Index, Key, Table},
};

/// What the model has no place for: NOT NULL's ON CONFLICT, by column.
pub(super) type Conflicts = Vec<(String, String)>;

/// A CREATE TABLE of this name for this model.
pub(super) fn create_table(name: &str, table: &Table, conflicts: &Conflicts) -> String {
    let mut parts: Vec<String> = table
        .columns
        .iter()
        .map(|one| {
            let conflict = conflicts.iter().find(|(name, _)| *name == one.name);
            column(one, table, conflict.map(|(_, clause)| clause.as_str()))
        })
        .collect();
    if let Some(key) = table.primary_key.as_ref().filter(|_| !inline(table)) {
        parts.push(self::key("PRIMARY KEY", key, table));
    }
    parts.extend(table.uniques.iter().map(|one| key("UNIQUE", one, table)));
    parts.extend(table.foreign_keys.iter().map(foreign_key));
    parts.extend(table.checks.iter().map(check));
    let options = if table.options.is_empty() {
        String::new()
    } else {
        format!(" {}", table.options.join(", "))
    };
    format!(
        "CREATE TABLE {} (\n  {}\n){options}",
        quote(name),
        parts.join(",\n  ")
    )
}

/// An ALTER TABLE that adds a column.
pub(super) fn add_column(table: &Table, one: &Column) -> String {
    let name = quote(&table.name.name);
    format!("ALTER TABLE {name} ADD COLUMN {}", column(one, table, None))
}

/// A CREATE INDEX.
pub(super) fn create_index(table: &str, index: &Index) -> String {
    let keys: Vec<String> = index
        .keys
        .iter()
        .map(|key| {
            let mut text = match (key.is_column, key.expression.as_str()) {
                (true, column) => quote(column),
                (false, expression) => format!("({expression})"),
            };
            if let Some(collation) = &key.collation {
                text = format!("{text} COLLATE {}", quote(collation));
            }
            if key.descending {
                text.push_str(" DESC");
            }
            text
        })
        .collect();
    let unique = if index.unique { "UNIQUE " } else { "" };
    let predicate = index.predicate.as_ref();
    let predicate = predicate.map_or_else(String::new, |text| format!(" WHERE {text}"));
    format!(
        "CREATE {unique}INDEX {} ON {} ({}){predicate}",
        quote(&index.name),
        quote(table),
        keys.join(", ")
    )
}

/// Whether the default is a value and no expression: SQLite adds a column to
/// rows that are there only with a value.
pub(super) fn is_constant(default: &str) -> bool {
    let text = default
        .strip_prefix('\'')
        .and_then(|text| text.strip_suffix('\''))
        .is_some_and(|inner| !inner.replace("''", "").contains('\''));
    let blob = default
        .strip_prefix("X'")
        .and_then(|text| text.strip_suffix('\''))
        .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let number = default
        .strip_prefix(['-', '+'])
        .unwrap_or(default)
        .starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && default
            .bytes()
            .skip(1)
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    text || blob || number || matches!(default, "NULL" | "TRUE" | "FALSE")
}

/// The key is the rowid under another name: never NULL without saying so.
pub(super) fn rowid_alias(table: &Table) -> Option<&Column> {
    let key = table.primary_key.as_ref()?;
    let [only] = key.columns.as_slice() else {
        return None;
    };
    let without_rowid = table.options.iter().any(|option| option == "WITHOUT ROWID");
    let column = table.column(only)?;
    (!without_rowid && ident::same(&column.data_type, "integer")).then_some(column)
}

/// AUTOINCREMENT is said behind the column. So is DESC for an INTEGER key that
/// is not to be the rowid: behind the column it means that, in a list it does not.
fn inline(table: &Table) -> bool {
    let Some(key) = &table.primary_key else {
        return false;
    };
    key.autoincrement || descending_integer(table, key)
}

fn descending_integer(table: &Table, key: &Key) -> bool {
    let [only] = key.columns.as_slice() else {
        return false;
    };
    only.strip_suffix(" DESC")
        .and_then(|name| table.column(name))
        .is_some_and(|column| ident::same(&column.data_type, "integer"))
}

fn column(column: &Column, table: &Table, conflict: Option<&str>) -> String {
    let mut parts = vec![quote(&column.name)];
    if !column.data_type.is_empty() {
        parts.push(column.data_type.clone());
    }
    if let Some(key) = table.primary_key.as_ref().filter(|_| inline(table))
        && bare(&key.columns[0], table) == column.name
    {
        let descending = key.columns[0] != column.name;
        let order = if descending { " DESC" } else { "" };
        let counted = if key.autoincrement {
            " AUTOINCREMENT"
        } else {
            ""
        };
        let definition = format!("PRIMARY KEY{order}{}{counted}", on_conflict(key));
        parts.push(named(key.name.as_deref(), &definition));
    }
    let is_rowid = rowid_alias(table).is_some_and(|alias| alias.name == column.name);
    if !column.nullable && !is_rowid {
        let clause = conflict.map_or_else(String::new, |clause| format!(" ON CONFLICT {clause}"));
        parts.push(format!("NOT NULL{clause}"));
    }
    if let Some(collation) = &column.collation {
        parts.push(format!("COLLATE {}", quote(collation)));
    }
    match &column.default {
        Some(value) if is_constant(value) => parts.push(format!("DEFAULT {value}")),
        Some(value) => parts.push(format!("DEFAULT ({value})")),
        None => {}
    }
    if let Some(generated) = &column.generated {
        let kind = if generated.stored {
            "STORED"
        } else {
            "VIRTUAL"
        };
        let expression = &generated.expression;
        parts.push(format!("GENERATED ALWAYS AS ({expression}) {kind}"));
    }
    parts.join(" ")
}

fn named(name: Option<&str>, definition: &str) -> String {
    match name {
        Some(name) => format!("CONSTRAINT {} {definition}", quote(name)),
        None => definition.to_owned(),
    }
}

fn on_conflict(key: &Key) -> String {
    let clause = key.on_conflict.as_ref();
    clause.map_or_else(String::new, |clause| format!(" ON CONFLICT {clause}"))
}

fn key(kind: &str, key: &Key, table: &Table) -> String {
    let columns: Vec<String> = key
        .columns
        .iter()
        .map(|column| {
            let name = bare(column, table);
            format!("{}{}", quote(name), &column[name.len()..])
        })
        .collect();
    let definition = format!("{kind} ({}){}", columns.join(", "), on_conflict(key));
    named(key.name.as_deref(), &definition)
}

/// The column's name, without the COLLATE and DESC that may stand behind it.
pub(super) fn bare<'k>(column: &'k str, table: &Table) -> &'k str {
    let known = table.columns.iter().map(|known| known.name.len());
    let mut lengths: Vec<usize> = known.collect();
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    lengths
        .into_iter()
        .filter_map(|length| column.split_at_checked(length))
        .find(|(name, rest)| {
            table.column(name).is_some()
                && (rest.is_empty() || rest.starts_with(" COLLATE ") || *rest == " DESC")
        })
        .map_or(column, |(name, _)| name)
}

fn foreign_key(key: &ForeignKey) -> String {
    let list = |columns: &[String]| {
        let columns: Vec<String> = columns.iter().map(|column| quote(column)).collect();
        columns.join(", ")
    };
    let mut parts = vec![format!(
        "FOREIGN KEY ({}) REFERENCES {}",
        list(&key.columns),
        quote(&key.references.name)
    )];
    if !key.referenced_columns.is_empty() {
        parts.push(format!("({})", list(&key.referenced_columns)));
    }
    if key.on_update != Action::NoAction {
        parts.push(format!("ON UPDATE {}", key.on_update.as_sql()));
    }
    if key.on_delete != Action::NoAction {
        parts.push(format!("ON DELETE {}", key.on_delete.as_sql()));
    }
    if key.deferrable == Deferrable::InitiallyDeferred {
        parts.push("DEFERRABLE INITIALLY DEFERRED".to_owned());
    }
    named(key.name.as_deref(), &parts.join(" "))
}

fn check(check: &Check) -> String {
    named(
        check.name.as_deref(),
        &format!("CHECK ({})", check.expression),
    )
}
