//! Indexes that no constraint owns: `pg_index`.

use sea_orm::{ConnectionTrait, FromQueryResult};

use super::{
    InspectError,
    draft::{Draft, TableDraft},
    index_definition::{Definition, KeyText},
    reader::{Reader, not_understood, numbers, texts},
};
use crate::schema::{Index, IndexKey, ObjectName};

#[derive(Debug, FromQueryResult)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a row of the catalog, which has them"
)]
struct IndexRow {
    table_id: i64,
    name: String,
    method: String,
    unique: bool,
    valid: bool,
    nulls_not_distinct: bool,
    partitioned: bool,
    inherited: bool,
    /// Numbers of columns, 0 for an expression.
    columns: String,
    keys: i16,
    predicate: Option<String>,
    options: Option<String>,
    definition: Option<String>,
    comment: Option<String>,
}

fn sql(reader: &Reader<'_, impl ConnectionTrait>) -> String {
    let nulls = reader.since(150_000, "i.indnullsnotdistinct", "false");
    format!(
        "select i.indrelid::int8 as table_id, x.relname::text as name, m.amname::text as method, \
            i.indisunique as unique, i.indisvalid as valid, {nulls} as nulls_not_distinct, \
            x.relkind = 'I' as partitioned, x.relispartition as inherited, \
            array_to_string(i.indkey, ' ') as columns, i.indnkeyatts as keys, \
            pg_get_expr(i.indpred, i.indrelid) as predicate, \
            array_to_json(x.reloptions)::text as options, \
            pg_get_indexdef(i.indexrelid) as definition, s.description as comment \
        from pg_index i \
        join pg_class c on c.oid = i.indrelid \
        join ns on ns.oid = c.relnamespace \
        join pg_class x on x.oid = i.indexrelid \
        join pg_am m on m.oid = x.relam \
        left join pg_constraint k on k.conrelid = i.indrelid and k.conindid = i.indexrelid \
            and k.contype in ('p', 'u', 'x') \
        left join pg_description s on s.objoid = i.indexrelid and s.objsubid = 0 \
            and s.classoid = 'pg_class'::regclass \
        where k.oid is null and c.relkind in ('r', 'p')"
    )
}

/// Puts the indexes into their tables.
pub(super) async fn read(
    reader: &Reader<'_, impl ConnectionTrait>,
    draft: &mut Draft,
) -> Result<(), InspectError> {
    let sql = sql(reader);
    for row in reader.rows::<IndexRow>("indexes", &sql).await? {
        if let Some(draft) = draft.get_mut(row.table_id) {
            let index = index(draft, row)?;
            draft.table.indexes.push(index);
        }
    }
    Ok(())
}

fn index(draft: &TableDraft, row: IndexRow) -> Result<Index, InspectError> {
    let name = ObjectName {
        schema: draft.table.name.schema.clone(),
        name: row.name,
    };
    // An index that another session has dropped since has none.
    let text = row
        .definition
        .ok_or_else(|| not_understood(&name, "it is being dropped"))?;
    let definition = Definition::parse(&text)
        .ok_or_else(|| not_understood(&name, format!("unexpected text: {text}")))?;
    let keys = usize::try_from(row.keys).unwrap_or_default();
    if definition.keys.len() != keys {
        return Err(not_understood(&name, format!("not {keys} keys: {text}")));
    }
    // An index of a partitioned table is invalid as long as partitions lack it.
    let only = row.partitioned && !row.valid;
    Ok(Index {
        method: row.method,
        unique: row.unique,
        nulls_not_distinct: row.nulls_not_distinct,
        keys: numbers(Some(&row.columns))
            .zip(&definition.keys)
            .map(|(number, key)| index_key(draft, number, key))
            .collect::<Result<_, _>>()?,
        include: draft.names(numbers(Some(&row.columns)).skip(keys))?,
        predicate: row.predicate,
        options: texts(row.options.as_deref(), &name)?,
        invalid: !row.valid && !row.partitioned,
        comment: row.comment,
        inherited: row.inherited,
        only,
        definition: if only {
            text
        } else {
            definition.with_partitions()
        },
        name: name.name,
    })
}

fn index_key(draft: &TableDraft, number: i16, key: &KeyText<'_>) -> Result<IndexKey, InspectError> {
    let is_column = number != 0;
    Ok(IndexKey {
        expression: if is_column {
            draft.name(number)?
        } else {
            key.expression.to_owned()
        },
        is_column,
        descending: key.descending,
        nulls_first: key.nulls_first,
        operator_class: key.operator_class.map(str::to_owned),
        collation: key.collation.map(str::to_owned),
    })
}
