//! Which tables and columns there are, looked at once.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

/// A column as far as the checks care.
#[derive(Debug)]
struct Column {
    /// `json`, `character varying(255)`; as it was declared on SQLite.
    kind: String,
    not_null: bool,
}

/// The tables of the current schema.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) backend: DbBackend,
    columns: HashMap<(String, String), Column>,
}

impl Shape {
    /// From the catalog, which a role may read whatever it may do with the
    /// tables.
    pub(super) async fn read<C: ConnectionTrait>(db: &C) -> Result<Self, DbErr> {
        let backend = db.get_database_backend();
        let sql = match backend {
            DbBackend::Sqlite => {
                "SELECT m.name AS table_name, c.name AS column_name, c.type AS kind, \
                 c.\"notnull\" <> 0 AS not_null \
                 FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
            }
            _ => {
                "SELECT c.relname::text AS table_name, a.attname::text AS column_name, \
                 pg_catalog.format_type(a.atttypid, a.atttypmod) AS kind, a.attnotnull AS not_null \
                 FROM pg_catalog.pg_class c \
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid \
                 WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') \
                 AND a.attnum > 0 AND NOT a.attisdropped"
            }
        };
        let rows = db
            .query_all_raw(Statement::from_string(backend, sql))
            .await?;
        let columns = rows
            .iter()
            .map(|row| {
                let name = (
                    row.try_get("", "table_name")?,
                    row.try_get("", "column_name")?,
                );
                let column = Column {
                    kind: row.try_get("", "kind")?,
                    not_null: row.try_get("", "not_null")?,
                };
                Ok((name, column))
            })
            .collect::<Result<_, DbErr>>()?;
        Ok(Self { backend, columns })
    }

    pub(super) fn is_sqlite(&self) -> bool {
        self.backend == DbBackend::Sqlite
    }

    fn column(&self, table: &str, column: &str) -> Option<&Column> {
        self.columns.get(&(table.to_owned(), column.to_owned()))
    }

    /// Whether all of these columns are there, each as table and column.
    pub(super) fn has_all(&self, needs: &[(&str, &str)]) -> bool {
        needs
            .iter()
            .all(|(table, column)| self.column(table, column).is_some())
    }

    pub(super) fn has_table(&self, table: &str) -> bool {
        self.columns.keys().any(|(name, _)| name == table)
    }

    /// Whether the database itself sees to it that the column has a value.
    pub(super) fn is_not_null(&self, table: &str, column: &str) -> bool {
        self.column(table, column).is_some_and(|c| c.not_null)
    }

    /// Whether JSON operators work on the column. On SQLite they work on text.
    pub(super) fn is_json(&self, table: &str, column: &str) -> bool {
        self.is_sqlite()
            || self
                .column(table, column)
                .is_some_and(|c| c.kind == "json" || c.kind == "jsonb")
    }

    /// The database's clock, in the form that times are stored in.
    pub(super) fn now(&self) -> &'static str {
        if self.is_sqlite() {
            "replace(strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'), '.000+', '+')"
        } else {
            "statement_timestamp()"
        }
    }
}
