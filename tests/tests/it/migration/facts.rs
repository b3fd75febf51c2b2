//! The schema of a database as text that people can read and tests compare.

use std::fmt::Write as _;

use outreach_tests::{Row, TestDb};
use sea_orm::DbBackend;

/// Columns in their order with type, nullability, default and comment.
const POSTGRES_COLUMNS: &str = "select c.relname::text, a.attname::text \
     || ' ' || format_type(a.atttypid, a.atttypmod) \
     || case when a.attnotnull then ' not null' else '' end \
     || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') \
     || coalesce(' comment ' || quote_literal(col_description(c.oid, a.attnum)), '') \
     from pg_class c join pg_attribute a on a.attrelid = c.oid \
     left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum \
     where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' \
     and a.attnum > 0 and not a.attisdropped \
     order by c.relname collate \"C\", a.attnum";

/// PostgreSQL 18 lists NOT NULL here too; the columns say it already.
const POSTGRES_CONSTRAINTS: &str = "select c.relname::text, \
     'constraint ' || n.conname || ' ' || pg_get_constraintdef(n.oid) \
     from pg_constraint n join pg_class c on c.oid = n.conrelid \
     where c.relnamespace = 'public'::regnamespace and n.contype <> 'n' \
     order by c.relname collate \"C\", n.conname collate \"C\"";

/// Without the indexes that a constraint has made.
const POSTGRES_INDEXES: &str = "select c.relname::text, pg_get_indexdef(i.indexrelid) \
     from pg_index i join pg_class c on c.oid = i.indrelid \
     where c.relnamespace = 'public'::regnamespace \
     and not exists (select from pg_constraint n where n.conindid = i.indexrelid and n.contype <> 'f') \
     order by c.relname collate \"C\", i.indexrelid::regclass::text collate \"C\"";

/// What else a schema could hold, none of which the chain makes.
const POSTGRES_OTHERS: &str = "select kind, name from ( \
     select 'relation of kind ' || relkind::text as kind, relname::text as name from pg_class \
     where relnamespace = 'public'::regnamespace and relkind not in ('r', 'i') \
     union all select 'function', proname::text from pg_proc where pronamespace = 'public'::regnamespace \
     union all select 'trigger', tgname::text from pg_trigger where not tgisinternal \
     union all select 'type', typname::text from pg_type t where typnamespace = 'public'::regnamespace \
     and not exists (select from pg_class c where c.reltype = t.oid) \
     and not exists (select from pg_type e join pg_class c on c.reltype = e.oid where e.typarray = t.oid) \
     ) others order by 1, 2";

/// The statements as SQLite keeps them, which an added column becomes part of.
const SQLITE_OBJECTS: &str = "select tbl_name, sql from sqlite_master where sql is not null order by tbl_name, type desc, name";

/// Everything that the schema of a database holds.
pub(crate) async fn facts(db: &TestDb) -> anyhow::Result<String> {
    if db.backend() == DbBackend::Sqlite {
        return Ok(sqlite_facts(db.sql(SQLITE_OBJECTS).await?));
    }
    let all = [
        POSTGRES_COLUMNS,
        POSTGRES_CONSTRAINTS,
        POSTGRES_INDEXES,
        POSTGRES_OTHERS,
    ];
    // On one connection: a login takes longer than the queries.
    let mut rows = db.sql(&all.join(";")).await?;
    // Stable, so the order within a table stays.
    rows.sort_by(|one, other| one[0].cmp(&other[0]));
    Ok(by_table(rows))
}

/// One column or table constraint a line.
fn sqlite_facts(rows: Vec<Row>) -> String {
    let split = |sql: String| {
        sql.replace(", \"", ",\n    \"")
            .replace(", CONSTRAINT", ",\n    CONSTRAINT")
            .replace(", FOREIGN KEY", ",\n    FOREIGN KEY")
    };
    by_table(
        rows.into_iter()
            .map(|mut row| {
                let sql = row.pop().flatten().map(split);
                vec![row.remove(0), sql]
            })
            .collect(),
    )
}

fn by_table(rows: Vec<Row>) -> String {
    let mut text = String::new();
    let mut table = None;
    for mut row in rows {
        let fact = row.pop().flatten().unwrap_or_default();
        let name = row.pop().flatten();
        if name != table {
            let _ = writeln!(text, "{}", name.as_deref().unwrap_or_default());
            table = name;
        }
        let _ = writeln!(text, "  {fact}");
    }
    text
}
