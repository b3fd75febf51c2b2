//! Rows in every table, and what is in them.

use std::collections::BTreeMap;

use outreach_tests::{Row, TestDb};
use sea_orm::DbBackend;

use crate::{migration::support::tables, support::uuid};

/// A key, as the database writes it.
pub(super) fn key(db: &TestDb, number: u64) -> String {
    match db.backend() {
        DbBackend::Sqlite => format!("X'{}'", uuid(number).simple()),
        _ => format!("'{}'", uuid(number)),
    }
}

/// Puts rows into each table of the newest revision; some refer to others, with
/// each of the actions on delete.
pub(super) async fn fill(db: &TestDb) -> anyhow::Result<()> {
    let [job, other, first, second, third] = [1, 2, 11, 12, 13].map(|number| key(db, number));
    let [a, b, c, mail, reply] = [21, 22, 23, 31, 32].map(|number| key(db, number));
    let [light, dark, merged] = [41, 42, 51].map(|number| key(db, number));
    db.sql(&format!(
        "insert into jobs (id, job_type, status, params) values \
            ({job}, 'discover', 'pending', '{{\"k\": 1}}'), ({other}, 'discover', 'pending', null); \
         insert into job_runs (job_id, max_attempts, unique_key) values \
            ({job}, 2, 'once'), ({other}, 1, null); \
         insert into discovery_queries (id, job_id, keyword, location, status, results_found, \
            results_saved) values ({first}, {job}, 'blog', 'usa', 'success', 1, 1), \
            ({second}, {job}, 'blog', 'uk', 'success', 1, 1), \
            ({third}, {other}, 'it''s', 'usa', 'pending', 0, 0); \
         insert into prospects (id, domain, score, da_est, outreach_status, last_sent, \
            discovery_query_id) values \
            ({a}, 'a.example.com', 12.5, 99.25, 'sent', '2026-01-01T00:00:00+00:00', {first}), \
            ({b}, 'b.example.com', 1, null, 'sent', '2026-01-02T00:00:00+00:00', {second}), \
            ({c}, 'c.example.com', 0, 1, 'pending', null, null); \
         insert into email_logs (id, prospect_id, subject) values \
            ({mail}, {a}, 'Hello'), ({reply}, {b}, null); \
         insert into settings (id, key, value) values \
            ({light}, 'light', '{{}}'), ({dark}, 'dark', null); \
         insert into merged_rows (merged_id, table_name, kept_id, merged_row, repointed_ids) \
            values ({merged}, 'prospects', {a}, '{{}}', '[]'); \
         insert into database_properties (name, value) values ('environment', 'test')"
    ))
    .await?;
    let rows = contents(db).await?;
    assert_eq!(rows.len(), 10, "a table is new, or gone: {rows:?}");
    assert!(rows.values().all(|rows| !rows.is_empty()), "{rows:?}");
    Ok(())
}

/// Every row of every table, in the order of their keys.
pub(super) async fn contents(db: &TestDb) -> anyhow::Result<BTreeMap<String, Vec<Row>>> {
    let mut contents = BTreeMap::new();
    for table in tables(db).await? {
        // By name: a repair may put a column elsewhere.
        let columns = match db.backend() {
            DbBackend::Sqlite => {
                format!("select name from pragma_table_info('{table}') order by 1")
            }
            _ => format!(
                "select attname::text from pg_attribute where attrelid = '{table}'::regclass \
                 and attnum > 0 and not attisdropped order by attname collate \"C\""
            ),
        };
        let columns: Vec<String> = db
            .sql(&columns)
            .await?
            .into_iter()
            .flatten()
            .flatten()
            .collect();
        let columns: Vec<String> = columns.iter().map(|name| format!("\"{name}\"")).collect();
        let mut rows = db
            .sql(&format!("select {} from \"{table}\"", columns.join(", ")))
            .await?;
        rows.sort();
        contents.insert(table, rows);
    }
    Ok(contents)
}
