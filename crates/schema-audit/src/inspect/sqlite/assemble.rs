//! Puts the facts of the pragmas and of the stored statements together.

use std::collections::HashMap;

use super::catalog::{Catalog, ColumnRow, ForeignKeyRow, IndexRow, Object, TableRow};
use super::definition::{self, ForeignKeyText, IndexText, KeyText, TableText};
use super::expression::{self, Names};
use super::{ident, references};
use crate::schema::{
    Action, Column, Deferrable, Dialect, ForeignKey, Generated, Index, IndexKey, Key, MatchType,
    ObjectName, Schema, Table, Unmodelled,
};

/// The whole schema.
pub(super) fn schema(catalog: &Catalog) -> Schema {
    let mut schema = Schema::empty(Dialect::Sqlite);
    schema.name = Some("main".to_owned());
    let indexes = indexes_by_name(&catalog.objects);
    for object in &catalog.objects {
        match object.kind.as_str() {
            "table" if internal(&object.name) => {}
            "table" => table_or_other(catalog, &indexes, object, &mut schema),
            "view" => schema.unmodelled.push(unmodelled("view", object, false)),
            "trigger" => schema.unmodelled.push(unmodelled("trigger", object, true)),
            // Indexes are read with their tables.
            _ => {}
        }
    }
    references::fill(&mut schema.tables);
    schema.sort();
    schema
}

/// The statements that made indexes.
fn indexes_by_name(objects: &[Object]) -> HashMap<&str, &str> {
    let indexes = objects.iter().filter(|object| object.kind == "index");
    indexes
        .filter_map(|object| Some((object.name.as_str(), object.sql.as_deref()?)))
        .collect()
}

/// SQLite keeps names that begin so for itself.
fn internal(name: &str) -> bool {
    name.get(..7)
        .is_some_and(|prefix| ident::same(prefix, "sqlite_"))
}

fn unmodelled(kind: &str, object: &Object, of_table: bool) -> Unmodelled {
    Unmodelled {
        kind: kind.to_owned(),
        name: object.name.clone(),
        table: of_table.then(|| object.table.clone()),
        definition: object.sql.clone(),
    }
}

fn table_or_other(
    catalog: &Catalog,
    indexes: &HashMap<&str, &str>,
    object: &Object,
    schema: &mut Schema,
) {
    let row = catalog.tables.get(&object.name);
    let columns = catalog.columns.of(&object.name);
    let kind = match row.map(|row| row.kind.as_str()) {
        Some("shadow") => "shadow table",
        Some("virtual") => "virtual table",
        // What has no pages has no columns that the pragmas would tell.
        _ if columns.is_empty() => "virtual table",
        _ => {
            TableReader::new(catalog, indexes, object, row).read(schema);
            return;
        }
    };
    schema.unmodelled.push(unmodelled(kind, object, false));
}

struct TableReader<'a> {
    object: &'a Object,
    row: Option<&'a TableRow>,
    columns: &'a [ColumnRow],
    column_names: Vec<String>,
    index_rows: &'a [IndexRow],
    foreign_key_rows: &'a [ForeignKeyRow],
    /// The statements that made the indexes of all tables.
    index_statements: &'a HashMap<&'a str, &'a str>,
}

impl<'a> TableReader<'a> {
    fn new(
        catalog: &'a Catalog,
        index_statements: &'a HashMap<&'a str, &'a str>,
        object: &'a Object,
        row: Option<&'a TableRow>,
    ) -> Self {
        let columns = catalog.columns.of(&object.name);
        Self {
            object,
            row,
            columns,
            column_names: columns.iter().map(|column| column.name.clone()).collect(),
            index_rows: catalog.indexes.of(&object.name),
            foreign_key_rows: catalog.foreign_keys.of(&object.name),
            index_statements,
        }
    }

    fn names(&self) -> Names<'_> {
        Names {
            table: &self.object.name,
            columns: &self.column_names,
        }
    }

    fn read(&self, schema: &mut Schema) {
        let sql = self.object.sql.as_deref().unwrap_or_default();
        let text = definition::table(sql, self.names()).unwrap_or_else(|_| {
            schema.unmodelled.push(Unmodelled {
                kind: "unparsed definition".to_owned(),
                name: self.object.name.clone(),
                table: Some(self.object.name.clone()),
                definition: self.object.sql.clone(),
            });
            TableText::default()
        });
        let mut table = Table::new(ObjectName::local(&self.object.name));
        table.definition.clone_from(&self.object.sql);
        if self.row.is_some_and(|row| row.strict) {
            table.options.push("STRICT".to_owned());
        }
        if self.without_rowid() {
            table.options.push("WITHOUT ROWID".to_owned());
        }
        table.columns = self
            .columns
            .iter()
            .map(|row| self.column(row, &text))
            .collect();
        table.primary_key = self.primary_key(&text);
        table.foreign_keys = self.foreign_keys(&text);
        self.indexes(&text, &mut table, schema);
        self.conflict_clauses(&text, schema);
        table.checks = text.checks;
        schema.tables.push(table);
    }

    fn without_rowid(&self) -> bool {
        self.row.is_some_and(|row| row.without_rowid)
    }

    /// Whether the column is another name of the rowid, which is never NULL.
    fn is_rowid_alias(&self, row: &ColumnRow) -> bool {
        row.key_position == 1
            && self.columns.iter().filter(|c| c.key_position > 0).count() == 1
            && ident::same(&row.data_type, "integer")
            && !self.without_rowid()
            && self.index_rows.iter().all(|index| index.origin != "pk")
    }

    fn column(&self, row: &ColumnRow, text: &TableText) -> Column {
        let text = text
            .columns
            .iter()
            .find(|column| ident::same(&column.name, &row.name));
        let generated = matches!(row.hidden, 2 | 3).then(|| Generated {
            expression: text
                .and_then(|text| text.generated.clone())
                .unwrap_or_default(),
            stored: row.hidden == 3,
        });
        let default = row.default.as_deref();
        Column {
            name: row.name.clone(),
            data_type: expression::spaced_type(&row.data_type),
            nullable: !row.not_null && !self.is_rowid_alias(row),
            default: default
                .map(|text| definition::default(text).unwrap_or_else(|_| text.trim().to_owned())),
            generated,
            identity: None,
            collation: text.and_then(|text| text.collation.clone()),
            comment: None,
            inherited: false,
        }
    }

    fn primary_key(&self, text: &TableText) -> Option<Key> {
        let mut columns: Vec<&ColumnRow> = self
            .columns
            .iter()
            .filter(|column| column.key_position > 0)
            .collect();
        if columns.is_empty() {
            return None;
        }
        columns.sort_by_key(|column| column.key_position);
        let index = self.index_rows.iter().filter(|row| row.origin == "pk");
        let text_key = text.primary_key.as_ref();
        Some(Key {
            name: text_key.and_then(|key| key.name.clone()),
            columns: columns
                .iter()
                .map(|column| {
                    let mut index = index.clone();
                    index
                        .find(|row| row.column.as_ref() == Some(&column.name))
                        .map_or_else(|| column.name.clone(), |row| key_column(row, text))
                })
                .collect(),
            on_conflict: text_key.and_then(|key| key.on_conflict).map(str::to_owned),
            autoincrement: text_key.is_some_and(|key| key.autoincrement),
            ..Key::default()
        })
    }

    fn indexes(&self, text: &TableText, table: &mut Table, schema: &mut Schema) {
        for rows in self.index_rows.chunk_by(|a, b| a.index == b.index) {
            match rows[0].origin.as_str() {
                "u" => table.uniques.push(unique(rows, text)),
                "c" => table.indexes.push(self.index(rows, text, schema)),
                _ => {}
            }
        }
    }

    fn index(&self, rows: &[IndexRow], text: &TableText, schema: &mut Schema) -> Index {
        let first = &rows[0];
        let sql = self.index_statements.get(first.index.as_str());
        let sql = sql.copied().unwrap_or_default().to_owned();
        let index_text = definition::index(&sql, self.names())
            .ok()
            .filter(|text| text.keys.len() == rows.len());
        if index_text.is_none() {
            schema.unmodelled.push(Unmodelled {
                kind: "unparsed definition".to_owned(),
                name: first.index.clone(),
                table: Some(self.object.name.clone()),
                definition: Some(sql.clone()),
            });
        }
        let keys = rows.iter().enumerate();
        let keys = keys
            .map(|(position, row)| index_key(row, position, index_text.as_ref(), &sql, text))
            .collect();
        // Without the parser, the whole statement still tells a difference.
        let predicate = match index_text {
            Some(text) => text.predicate,
            None => first.partial.then(|| sql.clone()),
        };
        Index {
            name: first.index.clone(),
            method: "btree".to_owned(),
            unique: first.unique,
            nulls_not_distinct: false,
            keys,
            include: Vec::new(),
            predicate,
            options: Vec::new(),
            invalid: false,
            comment: None,
            inherited: false,
            only: false,
            definition: sql,
        }
    }

    fn foreign_keys(&self, text: &TableText) -> Vec<ForeignKey> {
        self.foreign_key_rows
            .chunk_by(|a, b| a.id == b.id)
            .enumerate()
            .map(|(position, rows)| foreign_key(rows, text.foreign_keys.get(position)))
            .collect()
    }

    /// ON CONFLICT behind a NOT NULL has no place in the model.
    fn conflict_clauses(&self, text: &TableText, schema: &mut Schema) {
        for column in &text.columns {
            if let Some(action) = column.not_null_conflict {
                schema.unmodelled.push(Unmodelled {
                    kind: "conflict clause".to_owned(),
                    name: format!("{}.{}", self.object.name, column.name),
                    table: Some(self.object.name.clone()),
                    definition: Some(format!("NOT NULL ON CONFLICT {action}")),
                });
            }
        }
    }
}

/// The collation of a column, as far as the statement tells.
fn column_collation<'t>(text: &'t TableText, column: &str) -> &'t str {
    text.columns
        .iter()
        .find(|text| ident::same(&text.name, column))
        .and_then(|text| text.collation.as_deref())
        .unwrap_or("BINARY")
}

/// A column of a key, with what makes it another key than its name alone.
fn key_column(row: &IndexRow, text: &TableText) -> String {
    let mut column = row.column.clone().unwrap_or_default();
    if !ident::same(&row.collation, column_collation(text, &column)) {
        let collation = ident::display(&expression::collation_name(&row.collation));
        column = format!("{column} COLLATE {collation}");
    }
    if row.descending {
        column.push_str(" DESC");
    }
    column
}

fn unique(rows: &[IndexRow], text: &TableText) -> Key {
    // Two equal constraints share one index: the first name that is given to
    // them is theirs.
    let same: Vec<&KeyText> = text
        .uniques
        .iter()
        .filter(|key| is_of(key, rows, text))
        .collect();
    Key {
        name: same.iter().find_map(|key| key.name.clone()),
        columns: rows.iter().map(|row| key_column(row, text)).collect(),
        on_conflict: same
            .iter()
            .find_map(|key| key.on_conflict)
            .map(str::to_owned),
        ..Key::default()
    }
}

fn is_of(key: &KeyText, rows: &[IndexRow], text: &TableText) -> bool {
    key.columns.len() == rows.len()
        && key.columns.iter().zip(rows).all(|(column, row)| {
            let collation = column
                .collation
                .as_deref()
                .unwrap_or_else(|| column_collation(text, &column.name));
            row.column
                .as_deref()
                .is_some_and(|name| ident::same(name, &column.name))
                && ident::same(collation, &row.collation)
        })
}

fn index_key(
    row: &IndexRow,
    position: usize,
    text: Option<&IndexText>,
    sql: &str,
    table: &TableText,
) -> IndexKey {
    let text = text.and_then(|text| text.keys.get(position));
    let (expression, is_column, default_collation) = match &row.column {
        Some(column) => (column.clone(), true, column_collation(table, column)),
        None if row.position == -1 => ("rowid".to_owned(), true, "BINARY"),
        None => (
            text.map_or_else(|| sql.to_owned(), |text| text.expression.clone()),
            false,
            "BINARY",
        ),
    };
    let said = is_column || text.is_none_or(|text| text.collated);
    let collation = expression::collation_name(&row.collation);
    IndexKey {
        expression,
        is_column,
        descending: row.descending,
        nulls_first: None,
        operator_class: None,
        collation: (said && !ident::same(&collation, default_collation)).then_some(collation),
    }
}

fn foreign_key(rows: &[ForeignKeyRow], text: Option<&ForeignKeyText>) -> ForeignKey {
    let first = &rows[0];
    let columns: Vec<String> = rows.iter().map(|row| row.from.clone()).collect();
    let text = text.filter(|text| {
        text.columns.len() == columns.len()
            && text
                .columns
                .iter()
                .zip(&columns)
                .all(|(a, b)| ident::same(a, b))
    });
    ForeignKey {
        name: text.and_then(|text| text.name.clone()),
        columns,
        references: ObjectName::local(&first.parent),
        referenced_columns: rows.iter().filter_map(|row| row.to.clone()).collect(),
        on_update: action(&first.on_update),
        on_delete: action(&first.on_delete),
        on_delete_columns: Vec::new(),
        // Read by SQLite's grammar and by nothing else in it.
        match_type: MatchType::Simple,
        deferrable: text.map_or(Deferrable::Not, |text| text.deferrable),
        not_valid: false,
        not_enforced: false,
        comment: None,
        inherited: false,
    }
}

fn action(word: &str) -> Action {
    [
        Action::Restrict,
        Action::Cascade,
        Action::SetNull,
        Action::SetDefault,
    ]
    .into_iter()
    .find(|action| ident::same(action.as_sql(), word))
    .unwrap_or_default()
}
