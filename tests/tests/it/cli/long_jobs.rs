//! Jobs that last, so that something can happen to them meanwhile.

use std::time::Duration;

use anyhow::Context;
use outreach_tests::{Outreach, TestDb};
use sea_orm::DbBackend;
use tempfile::TempDir;

use super::{KEYWORDS, examples, json, outreach};

/// Nothing that a test waits for takes longer.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Makes the database take a while for each query that a discovery saves.
pub(super) async fn slow_down(db: &TestDb) -> anyhow::Result<()> {
    db.sql(match db.backend() {
        DbBackend::Sqlite => {
            "create view many as with recursive c(x) as \
             (select 1 union all select x + 1 from c where x < 800000) select x from c; \
             create trigger slow before insert on discovery_queries \
             begin select count(*) from many; end"
        }
        _ => {
            "create function slow() returns trigger language plpgsql as \
             'begin perform pg_sleep(0.2); return new; end'; \
             create trigger slow before insert on discovery_queries \
             for each row execute function slow()"
        }
    })
    .await?;
    Ok(())
}

pub(super) async fn speed_up(db: &TestDb) -> anyhow::Result<()> {
    db.sql(match db.backend() {
        DbBackend::Sqlite => "drop trigger slow; drop view many",
        _ => "drop trigger slow on discovery_queries; drop function slow()",
    })
    .await?;
    Ok(())
}

/// Asks until the count is at least so much.
pub(super) async fn until(db: &TestDb, at_least: i64, sql: &str) -> anyhow::Result<()> {
    let reached = async {
        while db.count(sql).await? < at_least {
            tokio::task::yield_now().await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(LONGEST_WAIT, reached)
        .await
        .with_context(|| format!("not {at_least} of: {sql}"))?
}

/// Waits until a job has saved some of its queries, and has others to do.
pub(super) async fn until_in_the_middle(db: &TestDb) -> anyhow::Result<()> {
    until(db, 2, "select count(*) from discovery_queries").await
}

/// Waits until the lease of every claimed job has ended.
pub(super) async fn until_leases_end(db: &TestDb) -> anyhow::Result<()> {
    let now = match db.backend() {
        DbBackend::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')",
        _ => "statement_timestamp()",
    };
    let ended = format!("select count(*) from job_runs where lease_expires_at < {now}");
    until(db, 1, &ended).await
}

/// Lets the lease of every claimed job have ended.
pub(super) async fn end_leases(db: &TestDb) -> anyhow::Result<()> {
    db.sql(
        "update job_runs set lease_expires_at = '2026-01-02T03:04:05+00:00' \
         where run_token is not null",
    )
    .await?;
    Ok(())
}

/// `work` over the shipped results.
pub(super) fn work(folder: &TempDir, db: &TestDb) -> Outreach {
    outreach(folder, db)
        .args(["work", "--poll", "0.1", "--results"])
        .arg(examples("results.csv"))
}

/// Stores the discovery over the shipped results for a worker, and returns its
/// id.
pub(super) async fn detach(folder: &TempDir, db: &TestDb) -> anyhow::Result<String> {
    let detach = outreach(folder, db)
        .args(["discover", "--location", "usa,uk", "--max-results", "1000"])
        .args(["--keywords", KEYWORDS, "--detach"]);
    let output = detach.run().await?;
    anyhow::ensure!(output.status == Some(0), "{output:?}");
    anyhow::ensure!(output.stderr.is_empty(), "{output:?}");
    Ok(output.stdout.trim_end().to_owned())
}

/// The job over the shipped results is done, once: each query has one row, and
/// the results add up.
pub(super) async fn assert_done_once(
    folder: &TempDir,
    db: &TestDb,
    job: &str,
) -> anyhow::Result<()> {
    let show = outreach(folder, db).args(["jobs", "show", job, "--json"]);
    let shown = json(&show.run().await?)?;
    assert_eq!(shown["status"], "completed", "{shown}");
    assert!(shown["run"].is_null(), "{shown}");
    let counts = super::discover::statistics(&shown);
    assert_eq!(counts["total_results_found"], 336, "{counts}");
    assert_eq!(counts["queries_executed"], 12, "{counts}");
    let stored = db
        .sql(
            "select count(*), count(distinct keyword || ' ' || location), sum(results_found), \
             sum(results_saved) from discovery_queries",
        )
        .await?;
    let saved = db.value("select count(*) from prospects").await?;
    let number = |number: &str| Some(number.to_owned());
    assert_eq!(
        stored,
        [[number("12"), number("12"), number("336"), saved.clone()]]
    );
    assert_eq!(counts["results_saved"].to_string(), saved.unwrap());
    assert_eq!(db.count("select count(*) from job_runs").await?, 0);
    Ok(())
}
