//! One column of an entity.

use sea_orm::sea_query::{
    ColumnDef, ColumnType, Expr, PostgresQueryBuilder, Query, SqliteQueryBuilder, TableBuilder,
};

use super::{EntitiesError, extra, table, types};
use crate::schema::{Column, Dialect, Identity, Table};

/// Adds the column to its table, with the constraints that are written on it.
pub(super) fn read(
    dialect: Dialect,
    column_type: &ColumnType,
    definition: &ColumnDef,
    table: &mut Table,
) -> Result<(), EntitiesError> {
    let name = definition.get_column_name();
    let spec = definition.get_column_spec();
    let mut column = Column {
        data_type: data_type(dialect, column_type).ok_or_else(|| {
            EntitiesError::TypeUnavailable {
                table: table.name.to_string(),
                column: name.clone(),
                dialect,
            }
        })?,
        nullable: spec.nullable != Some(false),
        default: spec.default.clone().map(|default| sql(dialect, default)),
        generated: None,
        identity: None,
        collation: None,
        comment: comment(dialect, spec.comment.as_ref()),
        inherited: false,
        name: name.clone(),
    };
    // Identity and a sequence behind the default are alike to `SeaORM`; `identity`
    // stands for either in a schema of entities.
    if dialect == Dialect::Postgres && spec.auto_increment && is_integer(&column.data_type) {
        column.identity = Some(Identity::ByDefault);
    }
    if spec.unique && !spec.primary_key {
        table.uniques.push(table::unique(vec![name]));
    }
    if let Some(text) = &spec.extra {
        extra::read(text, &mut column, table);
    }
    table.columns.push(column);
    Ok(())
}

/// The comment, where the database keeps one. `SeaORM` writes the former name of
/// a renamed column into it, for its own use; that is cut off.
pub(super) fn comment(dialect: Dialect, text: Option<&String>) -> Option<String> {
    if dialect == Dialect::Sqlite {
        return None;
    }
    let text = text?;
    let own = match text.rfind("renamed_from \"") {
        Some(start) if text.ends_with('"') => text[..start].trim_end_matches("; "),
        _ => text,
    };
    (!own.is_empty()).then(|| own.to_owned())
}

fn is_integer(data_type: &str) -> bool {
    matches!(data_type, "smallint" | "integer" | "bigint")
}

fn data_type(dialect: Dialect, column_type: &ColumnType) -> Option<String> {
    if !exists(dialect, column_type) {
        return None;
    }
    let mut text = String::new();
    match (dialect, column_type) {
        // `sea-query` makes the type with quotes, and names it in a column without.
        (Dialect::Postgres, ColumnType::Enum { name, .. }) => {
            text = format!("\"{name}\"");
        }
        (Dialect::Postgres, ColumnType::Array(element)) => {
            text = format!("{}[]", data_type(dialect, element)?);
        }
        (Dialect::Postgres, _) => {
            PostgresQueryBuilder.prepare_column_type(column_type, &mut text);
        }
        (Dialect::Sqlite, _) => {
            TableBuilder::prepare_column_type(&SqliteQueryBuilder, column_type, &mut text);
        }
    }
    Some(types::canonical(dialect, &text))
}

// `sea-query` panics for a type that the database does not have.
fn exists(dialect: Dialect, column_type: &ColumnType) -> bool {
    match (dialect, column_type) {
        (Dialect::Postgres, ColumnType::Array(element)) => exists(dialect, element),
        (Dialect::Postgres, other) => !matches!(other, ColumnType::Year),
        (Dialect::Sqlite, other) => !matches!(
            other,
            ColumnType::Interval(..)
                | ColumnType::Array(_)
                | ColumnType::Vector(_)
                | ColumnType::Cidr
                | ColumnType::Inet
                | ColumnType::MacAddr
                | ColumnType::Year
                | ColumnType::Bit(_)
                | ColumnType::VarBit(_)
                | ColumnType::LTree
        ),
    }
}

// A query is the one statement in which an expression of any kind may stand alone.
fn sql(dialect: Dialect, expression: Expr) -> String {
    let query = Query::select().expr(expression).take();
    let text = match dialect {
        Dialect::Postgres => query.to_string(PostgresQueryBuilder),
        Dialect::Sqlite => query.to_string(SqliteQueryBuilder),
    };
    text.strip_prefix("SELECT ").unwrap_or(&text).to_owned()
}
