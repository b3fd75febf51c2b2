//! What SQLite's own tables and pragmas say, in five statements however many
//! tables there are.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement};

use crate::inspect::InspectError;

/// A row of `sqlite_schema`.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) table: String,
    pub(super) sql: Option<String>,
}

/// A row of `pragma_table_list`.
#[derive(Debug)]
pub(super) struct TableRow {
    /// `table`, `view`, `virtual` or `shadow`.
    pub(super) kind: String,
    pub(super) without_rowid: bool,
    pub(super) strict: bool,
}

/// A row of `pragma_table_xinfo`.
#[derive(Debug)]
pub(super) struct ColumnRow {
    pub(super) name: String,
    pub(super) data_type: String,
    pub(super) not_null: bool,
    pub(super) default: Option<String>,
    /// The position in the primary key, from 1; 0 if it is not in it.
    pub(super) key_position: i64,
    /// 2: computed when read, 3: computed and stored.
    pub(super) hidden: i64,
}

/// One element of an index, with the index it belongs to.
#[derive(Debug)]
pub(super) struct IndexRow {
    pub(super) index: String,
    pub(super) unique: bool,
    /// `c`: CREATE INDEX, `u`: UNIQUE, `pk`: PRIMARY KEY.
    pub(super) origin: String,
    pub(super) partial: bool,
    /// `None` for an expression, and for the rowid.
    pub(super) column: Option<String>,
    /// The column's number; -1 is the rowid, -2 an expression.
    pub(super) position: i64,
    pub(super) descending: bool,
    pub(super) collation: String,
}

/// One column of a foreign key.
#[derive(Debug)]
pub(super) struct ForeignKeyRow {
    /// Counts from the last one that is declared.
    pub(super) id: i64,
    pub(super) parent: String,
    pub(super) from: String,
    pub(super) to: Option<String>,
    pub(super) on_update: String,
    pub(super) on_delete: String,
}

#[derive(Debug)]
pub(super) struct Catalog {
    pub(super) objects: Vec<Object>,
    pub(super) tables: HashMap<String, TableRow>,
    pub(super) columns: ByTable<ColumnRow>,
    pub(super) indexes: ByTable<IndexRow>,
    pub(super) foreign_keys: ByTable<ForeignKeyRow>,
}

/// Rows by the table that they belong to, in the order in which they were read.
#[derive(Debug)]
pub(super) struct ByTable<T>(HashMap<String, Vec<T>>);

impl<T> ByTable<T> {
    /// The rows of a table; none if nothing is known of it.
    pub(super) fn of(&self, table: &str) -> &[T] {
        self.0.get(table).map_or(&[], Vec::as_slice)
    }
}

impl<T> FromIterator<(String, T)> for ByTable<T> {
    fn from_iter<I: IntoIterator<Item = (String, T)>>(rows: I) -> Self {
        let mut tables: HashMap<String, Vec<T>> = HashMap::new();
        for (table, row) in rows {
            tables.entry(table).or_default().push(row);
        }
        Self(tables)
    }
}

// Only what has pages of its own is asked for: the pragmas fail for a virtual
// table whose module this connection does not have.
const ORDINARY: &str = "FROM main.sqlite_schema m";
const WITH_PAGES: &str = "WHERE m.type = 'table' AND m.rootpage > 0";

impl Catalog {
    /// Reads all of it. To be of one moment, it needs a transaction around it.
    pub(super) async fn read(db: &impl ConnectionTrait) -> Result<Self, InspectError> {
        let objects = rows(
            db,
            "SELECT type, name, tbl_name, sql FROM main.sqlite_schema ORDER BY rowid",
            |row| {
                Ok(Object {
                    kind: row.try_get_by_index(0)?,
                    name: row.try_get_by_index(1)?,
                    table: row.try_get_by_index(2)?,
                    sql: row.try_get_by_index(3)?,
                })
            },
        )
        .await
        .map_err(InspectError::query("the list of objects"))?;
        let tables = rows(
            db,
            "SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main'",
            |row| {
                let table = TableRow {
                    kind: row.try_get_by_index(1)?,
                    without_rowid: flag(row, 2)?,
                    strict: flag(row, 3)?,
                };
                Ok((row.try_get_by_index(0)?, table))
            },
        )
        .await
        .map_err(InspectError::query("the list of tables"))?;
        Ok(Self {
            objects,
            tables,
            columns: columns(db).await.map_err(InspectError::query("columns"))?,
            indexes: indexes(db).await.map_err(InspectError::query("indexes"))?,
            foreign_keys: foreign_keys(db)
                .await
                .map_err(InspectError::query("foreign keys"))?,
        })
    }
}

async fn columns(db: &impl ConnectionTrait) -> Result<ByTable<ColumnRow>, DbErr> {
    let sql = format!(
        "SELECT m.name, x.name, x.type, x.\"notnull\", x.dflt_value, x.pk, x.hidden {ORDINARY} \
         JOIN pragma_table_xinfo(m.name, 'main') x {WITH_PAGES} ORDER BY m.rowid, x.cid"
    );
    rows(db, &sql, |row| {
        let found = ColumnRow {
            name: row.try_get_by_index(1)?,
            data_type: row
                .try_get_by_index::<Option<String>>(2)?
                .unwrap_or_default(),
            not_null: flag(row, 3)?,
            default: row.try_get_by_index(4)?,
            key_position: row.try_get_by_index(5)?,
            hidden: row.try_get_by_index(6)?,
        };
        Ok((row.try_get_by_index(0)?, found))
    })
    .await
}

async fn indexes(db: &impl ConnectionTrait) -> Result<ByTable<IndexRow>, DbErr> {
    let sql = format!(
        "SELECT m.name, l.name, l.\"unique\", l.origin, l.partial, x.cid, x.name, x.\"desc\", x.coll \
         {ORDINARY} JOIN pragma_index_list(m.name, 'main') l \
         JOIN pragma_index_xinfo(l.name, 'main') x {WITH_PAGES} AND x.\"key\" = 1 \
         ORDER BY m.rowid, l.seq, x.seqno"
    );
    rows(db, &sql, |row| {
        let found = IndexRow {
            index: row.try_get_by_index(1)?,
            unique: flag(row, 2)?,
            origin: row.try_get_by_index(3)?,
            partial: flag(row, 4)?,
            position: row.try_get_by_index(5)?,
            column: row.try_get_by_index(6)?,
            descending: flag(row, 7)?,
            collation: row
                .try_get_by_index::<Option<String>>(8)?
                .unwrap_or_default(),
        };
        Ok((row.try_get_by_index(0)?, found))
    })
    .await
}

async fn foreign_keys(db: &impl ConnectionTrait) -> Result<ByTable<ForeignKeyRow>, DbErr> {
    let sql = format!(
        "SELECT m.name, f.id, f.\"table\", f.\"from\", f.\"to\", f.on_update, f.on_delete {ORDINARY} \
         JOIN pragma_foreign_key_list(m.name, 'main') f {WITH_PAGES} \
         ORDER BY m.rowid, f.id DESC, f.seq"
    );
    rows(db, &sql, |row| {
        let found = ForeignKeyRow {
            id: row.try_get_by_index(1)?,
            parent: row.try_get_by_index(2)?,
            from: row.try_get_by_index(3)?,
            to: row.try_get_by_index(4)?,
            on_update: row.try_get_by_index(5)?,
            on_delete: row.try_get_by_index(6)?,
        };
        Ok((row.try_get_by_index(0)?, found))
    })
    .await
}

async fn rows<T, C: FromIterator<T>>(
    db: &impl ConnectionTrait,
    sql: &str,
    read: impl Fn(&QueryResult) -> Result<T, DbErr>,
) -> Result<C, DbErr> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    db.query_all_raw(statement)
        .await?
        .iter()
        .map(read)
        .collect()
}

fn flag(row: &QueryResult, index: usize) -> Result<bool, DbErr> {
    Ok(row.try_get_by_index::<i64>(index)? != 0)
}
