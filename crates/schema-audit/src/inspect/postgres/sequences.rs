//! Sequences: `pg_sequence`, and the columns that they belong to.

use sea_orm::{ConnectionTrait, FromQueryResult};

use super::{
    InspectError,
    reader::{Reader, not_of_extension},
};
use crate::schema::{OwnedBy, Sequence};

#[derive(Debug, FromQueryResult)]
struct SequenceRow {
    schema: String,
    name: String,
    data_type: String,
    start: i64,
    increment: i64,
    minimum: i64,
    maximum: i64,
    cache: i64,
    cycle: bool,
    owner_schema: Option<String>,
    owner_table: Option<String>,
    owner_column: Option<String>,
    identity: bool,
    comment: Option<String>,
}

/// Sequences, with the columns that they belong to.
pub(super) async fn read(
    reader: &Reader<'_, impl ConnectionTrait>,
) -> Result<Vec<Sequence>, InspectError> {
    let sql = format!(
        "select n.nspname::text as schema, c.relname::text as name, \
            format_type(q.seqtypid, null) as data_type, q.seqstart as start, \
            q.seqincrement as increment, q.seqmin as minimum, q.seqmax as maximum, \
            q.seqcache as cache, q.seqcycle as cycle, \
            tn.nspname::text as owner_schema, t.relname::text as owner_table, \
            a.attname::text as owner_column, coalesce(d.deptype = 'i', false) as identity, \
            s.description as comment \
        from pg_sequence q \
        join pg_class c on c.oid = q.seqrelid \
        join ns n on n.oid = c.relnamespace \
        left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid \
            and d.objsubid = 0 and d.refclassid = 'pg_class'::regclass \
            and d.refobjsubid > 0 and d.deptype in ('a', 'i') \
        left join pg_class t on t.oid = d.refobjid \
        left join pg_namespace tn on tn.oid = t.relnamespace \
        left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid \
        left join pg_description s on s.objoid = c.oid and s.objsubid = 0 \
            and s.classoid = 'pg_class'::regclass \
        where {}",
        not_of_extension("pg_class", "c.oid")
    );
    let rows = reader.rows::<SequenceRow>("sequences", &sql).await?;
    Ok(rows.into_iter().map(|row| sequence(reader, row)).collect())
}

fn sequence(reader: &Reader<'_, impl ConnectionTrait>, row: SequenceRow) -> Sequence {
    let owner = (row.owner_schema, row.owner_table, row.owner_column);
    let owned_by = match owner {
        (Some(schema), Some(table), Some(column)) => Some(OwnedBy {
            table: reader.object(schema, table),
            column,
            identity: row.identity,
        }),
        _ => None,
    };
    Sequence {
        name: reader.object(row.schema, row.name),
        data_type: row.data_type,
        start: row.start,
        increment: row.increment,
        minimum: row.minimum,
        maximum: row.maximum,
        cache: row.cache,
        cycle: row.cycle,
        owned_by,
        comment: row.comment,
    }
}
