//! Schemas and tables: `pg_namespace`, `pg_class`, `pg_inherits`.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{ConnectionTrait, FromQueryResult};

use super::{
    InspectError,
    draft::{Draft, TableDraft},
    reader::{Reader, not_of_extension, texts},
};
use crate::schema::{PartitionOf, Table};

#[derive(Debug, FromQueryResult)]
struct SchemaRow {
    name: String,
}

/// The names of all schemas of the scope.
pub(super) async fn read_schemas(
    reader: &Reader<'_, impl ConnectionTrait>,
) -> Result<Vec<String>, InspectError> {
    let member = not_of_extension("pg_namespace", "ns.oid");
    let sql = format!("select ns.nspname::text as name from ns where {member}");
    let rows = reader.rows::<SchemaRow>("schemas", &sql).await?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

#[derive(Debug, FromQueryResult)]
struct TableRow {
    id: i64,
    schema: String,
    name: String,
    unlogged: bool,
    is_partition: bool,
    options: Option<String>,
    toast_options: Option<String>,
    partition_key: Option<String>,
    comment: Option<String>,
}

/// Tables without anything in them, by number.
pub(super) async fn read(
    reader: &Reader<'_, impl ConnectionTrait>,
) -> Result<HashMap<i64, TableDraft>, InspectError> {
    let sql = format!(
        "select c.oid::int8 as id, n.nspname::text as schema, c.relname::text as name, \
            c.relpersistence = 'u' as unlogged, c.relispartition as is_partition, \
            array_to_json(c.reloptions)::text as options, \
            array_to_json(t.reloptions)::text as toast_options, \
            case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end as partition_key, \
            d.description as comment \
        from pg_class c \
        join ns n on n.oid = c.relnamespace \
        left join pg_class t on t.oid = c.reltoastrelid \
        left join pg_description d on d.objoid = c.oid and d.objsubid = 0 \
            and d.classoid = 'pg_class'::regclass \
        where c.relkind in ('r', 'p') and {}",
        not_of_extension("pg_class", "c.oid")
    );
    let rows = reader.rows::<TableRow>("tables", &sql).await?;
    rows.into_iter()
        .map(|row| Ok((row.id, table(reader, row)?)))
        .collect()
}

fn table(
    reader: &Reader<'_, impl ConnectionTrait>,
    row: TableRow,
) -> Result<TableDraft, InspectError> {
    let mut table = Table::new(reader.object(row.schema, row.name));
    table.options = texts(row.options.as_deref(), &table.name)?;
    let toast = texts(row.toast_options.as_deref(), &table.name)?;
    let toast = toast.into_iter().map(|option| format!("toast.{option}"));
    table.options.extend(toast);
    table.unlogged = row.unlogged;
    table.partition_key = row.partition_key;
    table.comment = row.comment;
    Ok(TableDraft {
        table,
        is_partition: row.is_partition,
        attributes: BTreeMap::new(),
    })
}

#[derive(Debug, FromQueryResult)]
struct ParentRow {
    child: i64,
    schema: String,
    name: String,
    bound: Option<String>,
}

/// Which table is a partition of which, or inherits from which.
pub(super) async fn read_parents(
    reader: &Reader<'_, impl ConnectionTrait>,
    draft: &mut Draft,
) -> Result<(), InspectError> {
    const SQL: &str = "select i.inhrelid::int8 as child, \
            pn.nspname::text as schema, p.relname::text as name, \
            case when c.relispartition then pg_get_expr(c.relpartbound, c.oid) end as bound \
        from pg_inherits i \
        join pg_class c on c.oid = i.inhrelid \
        join ns on ns.oid = c.relnamespace \
        join pg_class p on p.oid = i.inhparent \
        join pg_namespace pn on pn.oid = p.relnamespace \
        where c.relkind in ('r', 'p')";
    for row in reader.rows::<ParentRow>("inheritance", SQL).await? {
        let Some(child) = draft.get_mut(row.child) else {
            continue;
        };
        let parent = reader.object(row.schema, row.name);
        match row.bound {
            Some(bound) => child.table.partition_of = Some(PartitionOf { parent, bound }),
            None => child.table.inherits.push(parent),
        }
    }
    Ok(())
}
