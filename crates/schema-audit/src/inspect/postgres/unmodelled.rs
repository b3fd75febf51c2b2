//! What is there and not compared.

use sea_orm::{ConnectionTrait, FromQueryResult};

use super::{InspectError, reader::Reader};
use crate::schema::Unmodelled;

/// Relations that are no tables. Each part of the list selects kind, schema and
/// name, then schema and name of the table that it belongs to.
///
/// Planning the statement takes longer than running it, and by the number of its
/// parts: what is of one catalog is one part.
const RELATIONS: &[(&str, &str)] = &[
    ("view", "v"),
    ("materialized view", "m"),
    ("foreign table", "f"),
    ("composite type", "c"),
];

/// Things of a schema: kind, catalog, alias of its schema's number and its name,
/// and what else must hold.
const STANDALONE: &[(&str, &str, &str, &str, &str)] = &[
    ("collation", "pg_collation", "collnamespace", "collname", ""),
    ("conversion", "pg_conversion", "connamespace", "conname", ""),
    ("operator", "pg_operator", "oprnamespace", "oprname", ""),
    (
        "operator class",
        "pg_opclass",
        "opcnamespace",
        "opcname",
        "",
    ),
    (
        "operator family",
        "pg_opfamily",
        "opfnamespace",
        "opfname",
        "",
    ),
    (
        "statistics",
        "pg_statistic_ext",
        "stxnamespace",
        "stxname",
        "",
    ),
    (
        "text search configuration",
        "pg_ts_config",
        "cfgnamespace",
        "cfgname",
        "",
    ),
    (
        "text search dictionary",
        "pg_ts_dict",
        "dictnamespace",
        "dictname",
        "",
    ),
    (
        "text search parser",
        "pg_ts_parser",
        "prsnamespace",
        "prsname",
        "",
    ),
    (
        "text search template",
        "pg_ts_template",
        "tmplnamespace",
        "tmplname",
        "",
    ),
];

/// Functions of all kinds; two may share a name.
const ROUTINES: &[(&str, &str)] = &[
    ("function", "p.prokind in ('f', 'w')"),
    ("procedure", "p.prokind = 'p'"),
    ("aggregate", "p.prokind = 'a'"),
    ("function privileges", "p.proacl is not null"),
];

/// Things of a table: kind, catalog, alias of the table's number and its name,
/// and what else must hold.
const OF_TABLES: &[(&str, &str, &str, &str, &str)] = &[
    (
        "trigger",
        "pg_trigger",
        "tgrelid",
        "tgname",
        "not o.tgisinternal",
    ),
    (
        "rule",
        "pg_rewrite",
        "ev_class",
        "rulename",
        "o.rulename <> '_RETURN'",
    ),
    ("policy", "pg_policy", "polrelid", "polname", ""),
];

/// How triggers fire otherwise than they are made: kind and condition.
const FIRING: &[(&str, &str)] = &[
    ("disabled trigger", "o.fires = 'D'"),
    ("trigger that fires on replicas only", "o.fires = 'R'"),
    ("trigger that fires on replicas too", "o.fires = 'A'"),
];

/// Types that are not compared, and what is not compared of others: kind and
/// condition.
const TYPES: &[(&str, &str)] = &[
    ("range type", "o.typtype = 'r'"),
    (
        "base type",
        "o.typtype = 'p' or o.typtype = 'b' and not exists \
         (select from pg_type b where b.typarray = o.oid)",
    ),
    ("type privileges", "o.typacl is not null"),
];

/// Of schemas: kind and condition. The schema `public` comes with a comment and
/// with privileges.
const OF_SCHEMAS: &[(&str, &str)] = &[
    (
        "comment of a schema",
        "exists (select from pg_description d where d.objoid = o.oid \
         and d.classoid = 'pg_namespace'::regclass \
         and (o.nspname, d.description) <> ('public', 'standard public schema'))",
    ),
    (
        "schema privileges",
        "o.nspacl is not null and not exists (select from pg_init_privs p \
         where p.objoid = o.oid and p.classoid = 'pg_namespace'::regclass \
         and p.initprivs = o.nspacl)",
    ),
];

/// Properties of indexes: kind and condition.
const OF_INDEXES: &[(&str, &str)] = &[
    ("index of a materialized view", "c.relkind = 'm'"),
    ("clustered index", "i.indisclustered"),
    (
        "options of a constraint index",
        "x.reloptions is not null and exists (select from pg_constraint k \
         where k.conrelid = i.indrelid and k.conindid = x.oid and k.contype in ('p', 'u', 'x'))",
    ),
];

/// Properties of relations: kind and condition.
const PROPERTIES: &[(&str, &str)] = &[
    (
        "comment of a relation",
        "c.relkind in ('v', 'm', 'f', 'c') and exists (select from pg_description d \
         where d.objoid = c.oid and d.classoid = 'pg_class'::regclass)",
    ),
    ("row security", "c.relrowsecurity"),
    ("forced row security", "c.relforcerowsecurity"),
    ("privileges", "c.relacl is not null"),
    ("typed table", "c.reloftype <> 0"),
    ("tablespace", "c.reltablespace <> 0"),
    (
        "replica identity",
        "c.relkind in ('r', 'p') and c.relreplident <> 'd'",
    ),
    (
        "table access method",
        "c.relkind = 'r' and exists (select from pg_am m \
         where m.oid = c.relam and m.amname <> 'heap')",
    ),
    (
        "unlogged sequence",
        "c.relkind = 'S' and c.relpersistence = 'u'",
    ),
];

/// Things of the whole database, which belong to no schema: kind, catalog, name,
/// and what must hold.
const OF_DATABASE: &[(&str, &str, &str, &str)] = &[
    ("access method", "pg_am", "o.amname", MADE_LATER),
    ("event trigger", "pg_event_trigger", "o.evtname", MADE_LATER),
    (
        "foreign data wrapper",
        "pg_foreign_data_wrapper",
        "o.fdwname",
        MADE_LATER,
    ),
    (
        "foreign server",
        "pg_foreign_server",
        "o.srvname",
        MADE_LATER,
    ),
    ("language", "pg_language", "o.lanname", MADE_LATER),
    ("publication", "pg_publication", "o.pubname", MADE_LATER),
    (
        "cast",
        "pg_cast",
        "format_type(o.castsource, null) || ' AS ' || format_type(o.casttarget, null)",
        MADE_LATER,
    ),
    (
        "transform",
        "pg_transform",
        "format_type(o.trftype, null)",
        MADE_LATER,
    ),
    (
        "default privileges",
        "pg_default_acl",
        "pg_get_userbyid(o.defaclrole) || ' ' || o.defaclobjtype::text",
        "o.defaclnamespace = 0",
    ),
];

/// Objects below this number were made with the database cluster.
const MADE_LATER: &str = "o.oid >= 16384";

/// Only some columns of the catalog may be read by everyone, and on older servers
/// `oid` is not among them.
const SUBSCRIPTIONS: &str = "select null, o.subname, null, null from pg_subscription o \
    where $1::text is null and o.subdbid = \
    (select d.oid from pg_database d where d.datname = current_database())";

#[derive(Debug, FromQueryResult)]
struct UnmodelledRow {
    kind: String,
    schema: Option<String>,
    name: String,
    table_schema: Option<String>,
    table_name: Option<String>,
}

/// Everything that is not compared, in one statement.
pub(super) async fn read(
    reader: &Reader<'_, impl ConnectionTrait>,
) -> Result<Vec<Unmodelled>, InspectError> {
    let rows = reader
        .rows::<UnmodelledRow>("views, functions and other objects", &sql(reader))
        .await?;
    let list = rows.into_iter().map(|row| {
        let object = |schema: Option<String>, name: String| match schema {
            Some(schema) => reader.object(schema, name).to_string(),
            None => name,
        };
        Unmodelled {
            name: object(row.schema, row.name),
            table: row.table_name.map(|name| object(row.table_schema, name)),
            kind: row.kind,
            definition: None,
        }
    });
    Ok(list.collect())
}

fn sql(reader: &Reader<'_, impl ConnectionTrait>) -> String {
    let parts = standalone()
        .chain(of_tables())
        .chain(others(reader))
        .chain(of_database())
        .map(|(kind, query)| {
            format!(
                "select '{kind}' as kind, q.schema::text, q.name::text, \
                 q.table_schema::text, q.table_name::text \
                 from ({query}) as q (schema, name, table_schema, table_name)"
            )
        });
    let parts: Vec<_> = parts
        .chain([relations(), types(), routines(), properties()])
        .chain([of_schemas(), of_indexes(), firing()])
        .collect();
    format!(
        ", member as materialized (select classid, objid from pg_depend \
         where deptype = 'e' or deptype = 'i' and classid = 'pg_proc'::regclass) {}",
        parts.join(" union all ")
    )
}

/// A part with a row for each of the conditions that holds.
fn each(what: &str, from: &str, conditions: &[(&str, &str)]) -> String {
    let list: Vec<_> = conditions
        .iter()
        .map(|(kind, condition)| format!("('{kind}', {condition})"))
        .collect();
    format!(
        "select k.kind, {what} from {from} \
         cross join lateral (values {}) as k (kind, holds) where k.holds",
        list.join(", ")
    )
}

type Part = (&'static str, String);

/// A condition: the object is neither a member of an extension nor a function
/// that came with a range type.
fn own(catalog: &str, oid: &str) -> String {
    format!(
        "not exists (select from member e where e.classid = '{catalog}'::regclass \
         and e.objid = {oid})"
    )
}

fn and(condition: &str) -> String {
    if condition.is_empty() {
        String::new()
    } else {
        format!(" and {condition}")
    }
}

fn relations() -> String {
    let letters: Vec<_> = RELATIONS
        .iter()
        .map(|(kind, letter)| format!("when '{letter}' then '{kind}'"))
        .collect();
    format!(
        "select k.kind, n.nspname::text, c.relname::text, null, null from pg_class c \
         join ns n on n.oid = c.relnamespace \
         cross join lateral (select case c.relkind {} end) as k (kind) \
         where k.kind is not null and {}",
        letters.join(" "),
        own("pg_class", "c.oid")
    )
}

fn types() -> String {
    let from = format!(
        "(select o.* from pg_type o where {}) o join ns n on n.oid = o.typnamespace",
        own("pg_type", "o.oid")
    );
    each("n.nspname::text, o.typname::text, null, null", &from, TYPES)
}

fn of_schemas() -> String {
    let from = format!(
        "(select o.* from pg_namespace o where {}) o join ns n on n.oid = o.oid",
        own("pg_namespace", "o.oid")
    );
    each("null, n.nspname::text, null, null", &from, OF_SCHEMAS)
}

fn of_indexes() -> String {
    let from = format!(
        "pg_index i join pg_class x on x.oid = i.indexrelid \
         join (select c.* from pg_class c where {}) c on c.oid = i.indrelid \
         join ns n on n.oid = c.relnamespace",
        own("pg_class", "c.oid")
    );
    each(
        "n.nspname::text, x.relname::text, n.nspname::text, c.relname::text",
        &from,
        OF_INDEXES,
    )
}

fn standalone() -> impl Iterator<Item = Part> {
    STANDALONE
        .iter()
        .map(|(kind, catalog, schema, name, condition)| {
            let query = format!(
                "select n.nspname, o.{name}, null, null from {catalog} o \
             join ns n on n.oid = o.{schema} where {}{}",
                own(catalog, "o.oid"),
                and(condition)
            );
            (*kind, query)
        })
}

fn routines() -> String {
    let from = format!(
        "(select p.* from pg_proc p where {}) p join ns n on n.oid = p.pronamespace",
        own("pg_proc", "p.oid")
    );
    let name = "p.proname || '(' || oidvectortypes(p.proargtypes) || ')'";
    each(
        &format!("n.nspname::text, {name}, null, null"),
        &from,
        ROUTINES,
    )
}

fn of_tables() -> impl Iterator<Item = Part> {
    OF_TABLES
        .iter()
        .map(|(kind, catalog, table, name, condition)| {
            let query = format!(
                "select n.nspname, o.{name}, n.nspname, c.relname from {catalog} o \
             join pg_class c on c.oid = o.{table} join ns n on n.oid = c.relnamespace \
             where {} and {}{}",
                own(catalog, "o.oid"),
                own("pg_class", "c.oid"),
                and(condition)
            );
            (*kind, query)
        })
}

/// A trigger of a constraint has a number in its name, so the constraint's name
/// stands for it. Foreign keys whose triggers do not fire are compared as such.
fn firing() -> String {
    let from = format!(
        "(select distinct n.nspname::text as schema, c.relname::text as relation, \
         o.tgenabled as fires, \
         case when o.tgisinternal then coalesce(x.conname, o.tgname) else o.tgname end::text \
         as name from pg_trigger o join pg_class c on c.oid = o.tgrelid \
         join ns n on n.oid = c.relnamespace left join pg_constraint x on x.oid = o.tgconstraint \
         where o.tgenabled <> 'O' and {} and {} \
         and not (coalesce(x.contype = 'f', false) and o.tgenabled in ('D', 'R'))) o",
        own("pg_trigger", "o.oid"),
        own("pg_class", "c.oid")
    );
    each("o.schema, o.name, o.schema, o.relation", &from, FIRING)
}

fn properties() -> String {
    let from = format!(
        "(select c.* from pg_class c where {}) c join ns n on n.oid = c.relnamespace",
        own("pg_class", "c.oid")
    );
    let name = "n.nspname::text, c.relname::text";
    each(&format!("{name}, {name}"), &from, PROPERTIES)
}

fn others(reader: &Reader<'_, impl ConnectionTrait>) -> impl Iterator<Item = Part> {
    let compressed = reader.since(140_000, "a.attcompression <> ''", "false");
    let not_enforced = reader.since(180_000, "not k.conenforced", "false");
    let of_table = "select n.nspname, a.attname, n.nspname, c.relname from pg_attribute a \
        join pg_class c on c.oid = a.attrelid join ns n on n.oid = c.relnamespace \
        join pg_type t on t.oid = a.atttypid \
        where c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped";
    let not_member = own("pg_class", "c.oid");
    [
        (
            "column storage",
            format!(
                "{of_table} and {not_member} and (a.attstorage <> t.typstorage \
                 or a.attstattarget >= 0 or a.attoptions is not null or {compressed})"
            ),
        ),
        (
            "column privileges",
            format!("{of_table} and {not_member} and a.attacl is not null"),
        ),
        (
            "not enforced constraint",
            format!(
                "select n.nspname, k.conname, n.nspname, c.relname from pg_constraint k \
                 join pg_class c on c.oid = k.conrelid join ns n on n.oid = c.relnamespace \
                 where {not_enforced} and k.contype <> 'f' and {not_member}"
            ),
        ),
        (
            "extension",
            "select n.nspname, x.extname, null, null from pg_extension x \
             join pg_namespace n on n.oid = x.extnamespace where x.extname <> 'plpgsql' \
             and ($1::text is null or n.nspname = $1::text)"
                .to_owned(),
        ),
        ("subscription", SUBSCRIPTIONS.to_owned()),
        (
            "default privileges",
            "select n.nspname, pg_get_userbyid(o.defaclrole) || ' ' || o.defaclobjtype::text, \
             null, null from pg_default_acl o join ns n on n.oid = o.defaclnamespace"
                .to_owned(),
        ),
    ]
    .into_iter()
}

fn of_database() -> impl Iterator<Item = Part> {
    OF_DATABASE.iter().map(|(kind, catalog, name, condition)| {
        let own = own(catalog, "o.oid");
        let query = format!(
            "select null, {name}, null, null from {catalog} o \
             where $1::text is null and {condition} and {own}"
        );
        (*kind, query)
    })
}
