//! Constraints of tables: `pg_constraint`.

use sea_orm::{ConnectionTrait, FromQueryResult};

use super::{
    InspectError,
    draft::{Draft, TableDraft},
    reader::{Reader, not_understood, numbers, texts},
};
use crate::schema::{Action, Check, Deferrable, Exclusion, ForeignKey, Key, MatchType};

#[derive(Debug, FromQueryResult)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a row of the catalog, which has them"
)]
struct ConstraintRow {
    table_id: i64,
    name: String,
    kind: String,
    columns: Option<String>,
    deferrable: bool,
    deferred: bool,
    valid: bool,
    not_enforced: bool,
    no_inherit: bool,
    /// Whether only a parent table says it.
    inherited_only: bool,
    /// Whether a parent table says it too.
    inherited: bool,
    has_parent: bool,
    expression: Option<String>,
    definition: Option<String>,
    index_columns: Option<String>,
    index_keys: Option<i16>,
    nulls_not_distinct: bool,
    referenced_schema: Option<String>,
    referenced_table: Option<String>,
    referenced_columns: Option<String>,
    on_update: String,
    on_delete: String,
    on_delete_columns: Option<String>,
    match_type: String,
    comment: Option<String>,
}

/// The foreign keys with a trigger that does not fire for ordinary sessions. A
/// key that points to a partitioned table has triggers by its further rows too.
const SWITCHED_OFF: &str = "select coalesce(w.oid, x.oid) from pg_trigger g \
    join pg_constraint x on x.oid = g.tgconstraint and x.contype = 'f' \
    left join pg_constraint w on w.oid = x.conparentid and w.conrelid = x.conrelid \
    where g.tgenabled in ('D', 'R')";

/// A foreign key to a partitioned table has one more row for each partition that
/// it points to, whose parent is of the same table; those are left out.
fn sql(reader: &Reader<'_, impl ConnectionTrait>) -> String {
    let nulls = reader.since(150_000, "coalesce(i.indnullsnotdistinct, false)", "false");
    let limited = reader.since(
        150_000,
        "array_to_string(k.confdelsetcols, ' ')",
        "null::text",
    );
    let declared = reader.since(180_000, "not k.conenforced", "false");
    format!(
        "select k.conrelid::int8 as table_id, k.conname::text as name, k.contype::text as kind, \
            array_to_string(k.conkey, ' ') as columns, \
            k.condeferrable as deferrable, k.condeferred as deferred, \
            k.convalidated as valid, \
            k.contype = 'f' and ({declared} or k.oid in ({SWITCHED_OFF})) as not_enforced, \
            k.connoinherit as no_inherit, \
            not k.conislocal as inherited_only, k.coninhcount > 0 as inherited, \
            k.conparentid <> 0 as has_parent, \
            case when k.contype = 'c' then pg_get_expr(k.conbin, k.conrelid) end as expression, \
            case when k.contype = 'x' then pg_get_constraintdef(k.oid) end as definition, \
            array_to_string(i.indkey, ' ') as index_columns, i.indnkeyatts as index_keys, \
            {nulls} as nulls_not_distinct, \
            fn.nspname::text as referenced_schema, f.relname::text as referenced_table, \
            case when k.contype = 'f' then (select json_agg(a.attname order by n.position)::text \
                from unnest(k.confkey) with ordinality as n (attnum, position) \
                join pg_attribute a on a.attrelid = k.confrelid and a.attnum = n.attnum) \
            end as referenced_columns, \
            k.confupdtype::text as on_update, k.confdeltype::text as on_delete, \
            {limited} as on_delete_columns, k.confmatchtype::text as match_type, \
            s.description as comment \
        from pg_constraint k \
        join pg_class c on c.oid = k.conrelid \
        join ns on ns.oid = c.relnamespace \
        left join pg_constraint p on p.oid = k.conparentid \
        left join pg_index i on i.indexrelid = k.conindid and k.contype in ('p', 'u') \
        left join pg_class f on f.oid = k.confrelid \
        left join pg_namespace fn on fn.oid = f.relnamespace \
        left join pg_description s on s.objoid = k.oid and s.objsubid = 0 \
            and s.classoid = 'pg_constraint'::regclass \
        where k.contype in ('p', 'u', 'f', 'c', 'x') and c.relkind in ('r', 'p') \
            and p.conrelid is distinct from k.conrelid"
    )
}

/// Puts the constraints into their tables.
pub(super) async fn read(
    reader: &Reader<'_, impl ConnectionTrait>,
    draft: &mut Draft,
) -> Result<(), InspectError> {
    let sql = sql(reader);
    for row in reader.rows::<ConstraintRow>("constraints", &sql).await? {
        if let Some(draft) = draft.get_mut(row.table_id) {
            add(reader, draft, row)?;
        }
    }
    Ok(())
}

fn add(
    reader: &Reader<'_, impl ConnectionTrait>,
    draft: &mut TableDraft,
    row: ConstraintRow,
) -> Result<(), InspectError> {
    match row.kind.as_str() {
        "p" => draft.table.primary_key = Some(key(draft, row)?),
        "u" => {
            let key = key(draft, row)?;
            draft.table.uniques.push(key);
        }
        "f" => {
            let foreign_key = foreign_key(reader, draft, row)?;
            draft.table.foreign_keys.push(foreign_key);
        }
        "c" => {
            let check = check(draft, row)?;
            draft.table.checks.push(check);
        }
        _ => draft.table.exclusions.push(Exclusion {
            definition: given(draft, &row.name, row.definition)?,
            name: row.name,
            comment: row.comment,
        }),
    }
    Ok(())
}

/// What a row of its kind always has.
fn given<T>(draft: &TableDraft, constraint: &str, value: Option<T>) -> Result<T, InspectError> {
    value.ok_or_else(|| {
        let reason = format!("constraint `{constraint}` is there only in part");
        not_understood(&draft.table.name, reason)
    })
}

fn key(draft: &TableDraft, row: ConstraintRow) -> Result<Key, InspectError> {
    let deferrable = deferrable(&row);
    let keys = given(draft, &row.name, row.index_keys)?;
    let keys = usize::try_from(keys).unwrap_or_default();
    Ok(Key {
        columns: draft.names(numbers(row.columns.as_deref()))?,
        include: draft.names(numbers(row.index_columns.as_deref()).skip(keys))?,
        nulls_not_distinct: row.nulls_not_distinct,
        deferrable,
        inherited: row.has_parent,
        name: Some(row.name),
        comment: row.comment,
        ..Key::default()
    })
}

fn foreign_key(
    reader: &Reader<'_, impl ConnectionTrait>,
    draft: &TableDraft,
    row: ConstraintRow,
) -> Result<ForeignKey, InspectError> {
    let deferrable = deferrable(&row);
    let schema = given(draft, &row.name, row.referenced_schema)?;
    let table = given(draft, &row.name, row.referenced_table)?;
    Ok(ForeignKey {
        columns: draft.names(numbers(row.columns.as_deref()))?,
        references: reader.object(schema, table),
        referenced_columns: texts(row.referenced_columns.as_deref(), &draft.table.name)?,
        on_update: action(&row.on_update),
        on_delete: action(&row.on_delete),
        on_delete_columns: draft.names(numbers(row.on_delete_columns.as_deref()))?,
        match_type: match row.match_type.as_str() {
            "f" => MatchType::Full,
            "p" => MatchType::Partial,
            _ => MatchType::Simple,
        },
        deferrable,
        not_valid: !row.valid,
        not_enforced: row.not_enforced,
        comment: row.comment,
        inherited: row.has_parent,
        name: Some(row.name),
    })
}

fn check(draft: &TableDraft, row: ConstraintRow) -> Result<Check, InspectError> {
    Ok(Check {
        expression: given(draft, &row.name, row.expression)?,
        no_inherit: row.no_inherit,
        not_valid: !row.valid,
        comment: row.comment,
        inherited: row.inherited_only || (draft.is_partition && row.inherited),
        name: Some(row.name),
    })
}

const fn deferrable(row: &ConstraintRow) -> Deferrable {
    match (row.deferrable, row.deferred) {
        (false, _) => Deferrable::Not,
        (true, false) => Deferrable::InitiallyImmediate,
        (true, true) => Deferrable::InitiallyDeferred,
    }
}

fn action(letter: &str) -> Action {
    match letter {
        "r" => Action::Restrict,
        "c" => Action::Cascade,
        "n" => Action::SetNull,
        "d" => Action::SetDefault,
        _ => Action::NoAction,
    }
}
