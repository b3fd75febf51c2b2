//! What depends on tables, columns and types and is not compared: it stands in
//! the way of changes.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement};

use crate::schema::ObjectName;

/// A view, function, policy, trigger… that depends on a table, a column or a
/// type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependent {
    /// `view`, `materialized view`, `rule`, `function`, `policy`, `trigger`.
    pub kind: String,
    /// Its name, with its schema.
    pub name: String,
    /// The table or the type that it depends on.
    pub table: ObjectName,
    /// The column of the table, if it depends on that.
    pub column: Option<String>,
    /// Whether it keeps the table or type from being dropped; a trigger of the
    /// table itself goes with it.
    pub holds_table: bool,
}

const SQL: &str = "select distinct x.kind, x.name, n.nspname::text as schema, \
        o.name as object, a.attname::text as column_name, x.holds \
    from pg_depend d \
    join lateral ( \
        select case v.relkind when 'v' then 'view' when 'm' then 'materialized view' \
                else 'rule' end as kind, \
            vn.nspname || '.' || case when v.relkind in ('v', 'm') then v.relname \
                else r.rulename end as name, \
            v.oid <> d.refobjid as holds \
        from pg_rewrite r join pg_class v on v.oid = r.ev_class \
        join pg_namespace vn on vn.oid = v.relnamespace \
        where d.classid = 'pg_rewrite'::regclass and r.oid = d.objid \
            and (v.oid <> d.refobjid or v.relkind = 'r') \
        union all \
        select 'function', p.oid::regprocedure::text, true from pg_proc p \
        where d.classid = 'pg_proc'::regclass and p.oid = d.objid \
        union all \
        select 'policy', pc.oid::regclass || '.' || p.polname, p.polrelid <> d.refobjid \
        from pg_policy p join pg_class pc on pc.oid = p.polrelid \
        where d.classid = 'pg_policy'::regclass and p.oid = d.objid \
        union all \
        select 'trigger', tc.oid::regclass || '.' || t.tgname, t.tgrelid <> d.refobjid \
        from pg_trigger t join pg_class tc on tc.oid = t.tgrelid \
        where d.classid = 'pg_trigger'::regclass and t.oid = d.objid and not t.tgisinternal \
        union all \
        select 'composite type', c.oid::regclass::text, true from pg_class c \
        where d.classid = 'pg_class'::regclass and c.oid = d.objid and c.relkind = 'c' \
    ) as x on true \
    join lateral ( \
        select c.relname::text as name, c.relnamespace as namespace from pg_class c \
        where d.refclassid = 'pg_class'::regclass and c.oid = d.refobjid \
            and c.relkind in ('r', 'p') \
        union all \
        select coalesce(e.typname, t.typname)::text, t.typnamespace from pg_type t \
        left join pg_type e on e.typarray = t.oid \
        where d.refclassid = 'pg_type'::regclass and t.oid = d.refobjid \
    ) as o on true \
    join pg_namespace n on n.oid = o.namespace \
    left join pg_attribute a on d.refclassid = 'pg_class'::regclass \
        and a.attrelid = d.refobjid and a.attnum = d.refobjsubid and d.refobjsubid <> 0 \
    where d.deptype in ('n', 'a') and n.nspname <> 'information_schema' \
        and left(n.nspname, 3) <> 'pg_' \
    order by 1, 2, 3, 4, 5";

#[derive(Debug, FromQueryResult)]
struct Row {
    kind: String,
    name: String,
    schema: String,
    object: String,
    column_name: Option<String>,
    holds: bool,
}

/// Reads what depends on tables, columns and types. `local` is the schema whose
/// names carry no schema: [`Schema::name`](crate::schema::Schema::name).
///
/// # Errors
///
/// What the server says.
pub async fn dependents(
    db: &impl ConnectionTrait,
    local: Option<&str>,
) -> Result<Vec<Dependent>, DbErr> {
    let statement = Statement::from_string(DbBackend::Postgres, SQL);
    let rows = Row::find_by_statement(statement).all(db).await?;
    let read = |row: Row| Dependent {
        kind: row.kind,
        name: row.name,
        table: ObjectName {
            schema: Some(row.schema).filter(|schema| local != Some(schema)),
            name: row.object,
        },
        column: row.column_name,
        holds_table: row.holds,
    };
    Ok(rows.into_iter().map(read).collect())
}
