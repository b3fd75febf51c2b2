//! Databases as other makers leave them, with rows in every table.

use std::collections::BTreeMap;

use outreach_migration::REVISIONS;
use outreach_tests::{Row, TestDb};
use sea_orm::DbBackend;

use crate::{
    cli::audit::CREATE_ALL,
    migration::support::{MIRRORED, tables, up},
};

/// Rows in each table.
pub(super) const ROWS: usize = 1_000;

/// Leaves what Alembic leaves at this mirrored revision, with rows, and with its
/// ledger or without.
pub(crate) async fn alembic(db: &TestDb, revision: u32, ledger: bool) -> anyhow::Result<()> {
    up(db, revision).await?;
    db.sql("drop table seaql_migrations").await?;
    if ledger {
        let id = REVISIONS[revision as usize - 1].alembic.unwrap_or_default();
        record(db, id).await?;
    }
    fill(db, revision).await
}

/// Makes Alembic's ledger, with this revision in it.
pub(super) async fn record(db: &TestDb, id: &str) -> anyhow::Result<()> {
    db.sql(&format!(
        "create table alembic_version (version_num varchar(32) primary key); \
         insert into alembic_version values ('{id}')"
    ))
    .await?;
    Ok(())
}

/// Leaves what the predecessor's models leave (PostgreSQL), with rows and the
/// NULLs that its columns take.
pub(super) async fn create_all(db: &TestDb) -> anyhow::Result<()> {
    up(db, MIRRORED).await?;
    db.sql(CREATE_ALL).await?;
    fill(db, MIRRORED).await?;
    db.sql(
        "update jobs set status = null where id in (select id from jobs order by id limit 300); \
         update discovery_queries set status = null, results_found = null",
    )
    .await?;
    Ok(())
}

/// Puts rows into the tables of a mirrored revision.
async fn fill(db: &TestDb, revision: u32) -> anyhow::Result<()> {
    let id = match db.backend() {
        DbBackend::Sqlite => "randomblob(16)",
        _ => "gen_random_uuid()",
    };
    let numbers =
        format!("with recursive s(n) as (select 1 union all select n + 1 from s where n < {ROWS})");
    let mut statements = vec![
        format!(
            "insert into jobs (id, job_type, status, params) {numbers} \
             select {id}, 'discover', 'completed', '{{\"n\":  1, \"e\": 1e5}}' from s"
        ),
        format!(
            "insert into prospects (id, domain, page_title, score, da_est) {numbers} \
             select {id}, 'd' || n || '.example.com', 'it''s \"odd\" 😀 ' || n, n % 90 + 0.5, null \
             from s"
        ),
        format!(
            "insert into email_logs (id, prospect_id, subject) select {id}, id, '' from prospects"
        ),
    ];
    if revision >= 2 {
        statements.push(format!(
            "insert into settings (id, key, value) {numbers} select {id}, 'k' || n, '{{}}' from s"
        ));
    }
    if revision >= 3 {
        statements.push(format!(
            "insert into discovery_queries (id, job_id, keyword, location, status, results_found, \
             results_saved, results_skipped_duplicate, results_skipped_existing) \
             select {id}, id, 'blog', 'usa', 'success', 3, 1, 1, 1 from jobs"
        ));
    }
    if revision >= 4 {
        let first = "(select id from discovery_queries order by id limit 1)";
        statements.push(format!("update prospects set discovery_query_id = {first}"));
    }
    db.sql(&statements.join("; ")).await?;
    Ok(())
}

/// The tables with their columns and rows, as text and in an order of their own.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contents(BTreeMap<String, (Vec<String>, Vec<Row>)>);

impl Contents {
    pub(super) async fn of(db: &TestDb) -> anyhow::Result<Self> {
        let mut contents = BTreeMap::new();
        for table in tables(db).await? {
            let columns = columns(db, &table).await?;
            let rows = rows(db, &table, &columns).await?;
            contents.insert(table, (columns, rows));
        }
        Ok(Self(contents))
    }

    /// The same tables and columns as they are now, but for Alembic's ledger,
    /// which moves.
    pub(super) async fn assert_kept(mut self, db: &TestDb) -> anyhow::Result<()> {
        self.0.remove("alembic_version");
        self.0.remove("seaql_migrations");
        for (table, (columns, before)) in self.0 {
            let now = rows(db, &table, &columns).await?;
            assert!(now == before, "rows of {table} have changed");
        }
        Ok(())
    }

    /// The NULLs of `create_all` as they are to be filled.
    pub(super) fn filled(mut self) -> Self {
        for (columns, rows) in self.0.values_mut() {
            for (index, column) in columns.iter().enumerate() {
                let value = match column.as_str() {
                    "status" => "pending",
                    "results_found" => "0",
                    _ => continue,
                };
                for row in rows.iter_mut() {
                    row[index].get_or_insert_with(|| value.to_owned());
                }
            }
            rows.sort();
        }
        self
    }

    /// Without this column of a table.
    pub(super) fn without(mut self, table: &str, column: &str) -> Self {
        if let Some((columns, rows)) = self.0.get_mut(table) {
            let index = columns.iter().position(|one| one == column);
            let index = index.expect("the column is there");
            columns.remove(index);
            for row in rows.iter_mut() {
                row.remove(index);
            }
            rows.sort();
        }
        self
    }
}

async fn columns(db: &TestDb, table: &str) -> anyhow::Result<Vec<String>> {
    let sql = match db.backend() {
        DbBackend::Sqlite => format!("select name from pragma_table_info('{table}') order by 1"),
        _ => format!(
            "select attname::text from pg_attribute where attrelid = 'public.{table}'::regclass \
             and attnum > 0 and not attisdropped order by 1"
        ),
    };
    Ok(db
        .sql(&sql)
        .await?
        .into_iter()
        .flatten()
        .flatten()
        .collect())
}

async fn rows(db: &TestDb, table: &str, columns: &[String]) -> anyhow::Result<Vec<Row>> {
    let columns: Vec<String> = columns.iter().map(|name| format!("\"{name}\"")).collect();
    let sql = format!("select {} from \"{table}\"", columns.join(", "));
    let mut rows = db.sql(&sql).await?;
    rows.sort();
    Ok(rows)
}
