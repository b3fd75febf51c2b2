//! One entity as a table.

use sea_orm::sea_query::{
    ForeignKeyAction, ForeignKeyCreateStatement, TableCreateStatement, TableName, TableRef,
};
use sea_orm::{
    ColumnTrait, EntityTrait, IdenStatic, Iterable, PrimaryKeyToColumn, PrimaryKeyTrait,
};

use super::{EntitiesError, Naming, backend, column};
use crate::schema::{
    Action, Deferrable, Dialect, ForeignKey, Index, IndexKey, Key, MatchType, ObjectName, Table,
};

pub(super) fn read<E: EntityTrait>(
    dialect: Dialect,
    naming: &Naming,
    entity: E,
) -> Result<Table, EntitiesError> {
    let helper = sea_orm::Schema::new(backend(dialect));
    let statement = helper.create_table_from_entity(entity);
    let name = naming.object(entity.schema_name(), entity.table_name());
    let mut table = Table::new(name);
    table.comment = column::comment(dialect, statement.get_comment());
    for (column, definition) in E::Column::iter().zip(statement.get_columns()) {
        let orm_type = column.def();
        column::read(dialect, orm_type.get_column_type(), definition, &mut table)?;
    }
    table.primary_key = primary_key::<E>(dialect, &table);
    table.foreign_keys = foreign_keys(naming, &statement);
    for statement in helper.create_index_from_entity(entity) {
        let columns = statement.get_index_spec().get_column_names();
        if statement.is_unique_key() {
            table.uniques.push(unique(columns));
        } else {
            let name = statement.get_index_spec().get_name().unwrap_or_default();
            table.indexes.push(plain_index(name, columns));
        }
    }
    Ok(table)
}

fn primary_key<E: EntityTrait>(dialect: Dialect, table: &Table) -> Option<Key> {
    let columns: Vec<String> = E::PrimaryKey::iter()
        .map(|part| part.into_column().as_str().to_owned())
        .collect();
    if columns.is_empty() {
        return None;
    }
    let automatic = dialect == Dialect::Sqlite
        && E::PrimaryKey::auto_increment()
        && columns.len() == 1
        && table
            .column(&columns[0])
            .is_some_and(|column| column.data_type == "integer");
    Some(Key {
        columns,
        autoincrement: automatic,
        ..Key::default()
    })
}

fn foreign_keys(naming: &Naming, statement: &TableCreateStatement) -> Vec<ForeignKey> {
    let mut found: Vec<ForeignKey> = Vec::new();
    for statement in statement.get_foreign_key_create_stmts() {
        let Some(key) = foreign_key(naming, statement) else {
            continue;
        };
        // Several relations may go over one key, each with a condition of its own.
        let known = found.iter().any(|known| {
            known.columns == key.columns
                && known.references == key.references
                && known.referenced_columns == key.referenced_columns
        });
        if !known {
            found.push(key);
        }
    }
    found
}

fn foreign_key(naming: &Naming, statement: &ForeignKeyCreateStatement) -> Option<ForeignKey> {
    let key = statement.get_foreign_key();
    Some(ForeignKey {
        name: None,
        columns: key.get_columns(),
        references: referenced(naming, key.get_ref_table()?)?,
        referenced_columns: key.get_ref_columns(),
        on_update: action(key.get_on_update()),
        on_delete: action(key.get_on_delete()),
        on_delete_columns: Vec::new(),
        match_type: MatchType::Simple,
        deferrable: Deferrable::Not,
        not_valid: false,
        not_enforced: false,
        comment: None,
        inherited: false,
    })
}

fn referenced(naming: &Naming, table: &TableRef) -> Option<ObjectName> {
    // A relation points to a table; nothing else can be written.
    let TableRef::Table(TableName(schema, name), _) = table else {
        return None;
    };
    let schema = schema.as_ref().map(|schema| schema.1.to_string());
    Some(naming.object(schema.as_deref(), &name.to_string()))
}

const fn action(action: Option<ForeignKeyAction>) -> Action {
    match action {
        Some(ForeignKeyAction::Restrict) => Action::Restrict,
        Some(ForeignKeyAction::Cascade) => Action::Cascade,
        Some(ForeignKeyAction::SetNull) => Action::SetNull,
        Some(ForeignKeyAction::SetDefault) => Action::SetDefault,
        _ => Action::NoAction,
    }
}

pub(super) fn unique(columns: Vec<String>) -> Key {
    Key {
        columns,
        ..Key::default()
    }
}

fn plain_index(name: &str, columns: Vec<String>) -> Index {
    Index {
        name: name.to_owned(),
        method: "btree".to_owned(),
        unique: false,
        nulls_not_distinct: false,
        keys: columns
            .into_iter()
            .map(|column| IndexKey {
                expression: column,
                is_column: true,
                descending: false,
                nulls_first: None,
                operator_class: None,
                collation: None,
            })
            .collect(),
        include: Vec::new(),
        predicate: None,
        options: Vec::new(),
        invalid: false,
        comment: None,
        inherited: false,
        only: false,
        definition: String::new(),
    }
}
