//! The plans that PostgreSQL ran the queue's statements by, beside a million
//! jobs that have ended and 300,000 urgent ones that start later.

use std::collections::BTreeMap;

use outreach_service::{
    connect::{DatabaseOptions, connect_tenant},
    jobs::ClaimStrategy,
};
use outreach_tests::{PostgresServer, TestDb};
use serde_json::Value;

use super::{SENT, drive};

/// Jobs that others have claimed. A look for the claimed rows of one worker
/// passes those of the others, and no statement passes more than that.
const CLAIMED: f64 = 1_000.0;

/// The pages that a statement reads at most. A walk over the jobs that start
/// later, whose plan looks as any other by index, reads more than 2,000.
const MAX_BLOCKS: f64 = 1_200.0;

const FILL: &str = "
INSERT INTO jobs (id, job_type, params, status, result, created_at, updated_at)
SELECT md5(n::text)::uuid, 'load.' || chr(97 + n % 3), '{}',
    (array['completed', 'failed', 'cancelled'])[1 + n % 3], '{}',
    now() - n * interval '1 second', now() - n * interval '1 second'
FROM generate_series(1, 1000000) AS n;
INSERT INTO jobs (id, job_type, params, status)
SELECT md5('waiting ' || n)::uuid, 'load.' || chr(97 + n % 3), '{}',
    CASE WHEN n > 10000 THEN 'running' ELSE 'pending' END
FROM generate_series(1, 11000) AS n;
INSERT INTO job_runs (job_id, job_type, priority, run_at, run_token, owner, attempts,
    max_attempts, lease_expires_at)
SELECT md5('waiting ' || n)::uuid, 'load.' || chr(97 + n % 3), n % 5, now() - interval '1 hour',
    CASE WHEN n > 10000 THEN md5('token ' || n)::uuid END,
    CASE WHEN n > 10000 THEN 'another worker' END,
    CASE WHEN n > 10000 THEN 1 ELSE 0 END, 5,
    CASE WHEN n > 10000 THEN now() + interval '1 day' END
FROM generate_series(1, 11000) AS n;
INSERT INTO jobs (id, job_type, params, status)
SELECT md5('later ' || n)::uuid, 'load.a', '{}', 'pending' FROM generate_series(1, 300000) AS n;
INSERT INTO job_runs (job_id, job_type, priority, run_at, attempts, max_attempts)
SELECT md5('later ' || n)::uuid, 'load.a', -200, now() + interval '1 day', 0, 5
FROM generate_series(1, 300000) AS n;
VACUUM ANALYZE jobs;
VACUUM ANALYZE job_runs;
";

/// Has the server write the plan of each statement into its log, those of
/// foreign keys included, for connections that are made from now on.
async fn log_plans(db: &TestDb) -> anyhow::Result<()> {
    let database = db.value("SELECT current_database()").await?.unwrap();
    for (name, value) in [
        ("session_preload_libraries", "auto_explain"),
        ("auto_explain.log_min_duration", "0"),
        ("auto_explain.log_nested_statements", "on"),
        ("auto_explain.log_analyze", "on"),
        ("auto_explain.log_buffers", "on"),
        ("auto_explain.log_timing", "off"),
        ("auto_explain.log_format", "json"),
    ] {
        let set = format!("ALTER DATABASE {database} SET {name} = '{value}'");
        db.sql(&set).await?;
    }
    Ok(())
}

/// The plans in a log, each with the text of its statement.
fn logged_plans(log: &str) -> Vec<Value> {
    let mut plans = Vec::new();
    let mut lines = log.lines().peekable();
    while let Some(line) = lines.next() {
        if !line.ends_with(" plan:") {
            continue;
        }
        let mut json = String::new();
        while let Some(more) = lines.next_if(|line| line.starts_with('\t')) {
            json.push_str(more);
        }
        plans.push(serde_json::from_str(&json).unwrap());
    }
    plans
}

/// What is wrong with a plan: a scan of a whole table of the queue or of a whole
/// index, or one that reads what it does not want.
fn faults(plan: &Value, found: &mut Vec<String>) {
    let text = |key: &str| plan[key].as_str().unwrap_or_default();
    let of_queue = |name: &str| name.contains("job");
    let kind = text("Node Type");
    let place = format!("{kind} of {}{}", text("Relation Name"), text("Index Name"));
    if kind == "Seq Scan" && of_queue(text("Relation Name")) {
        found.push(place.clone());
    }
    let by_index = kind.contains("Index");
    if by_index && of_queue(text("Index Name")) && plan["Index Cond"].is_null() {
        found.push(format!("{place} without a condition"));
    }
    let removed = [
        "Rows Removed by Filter",
        "Rows Removed by Index Recheck",
        "Rows Removed by Join Filter",
    ];
    for key in removed {
        let loops = plan["Actual Loops"].as_f64().unwrap_or(1.0);
        let rows = plan[key].as_f64().unwrap_or(0.0) * loops;
        if rows > CLAIMED {
            found.push(format!("{place}: {key}: {rows}"));
        }
    }
    for child in plan["Plans"].as_array().into_iter().flatten() {
        faults(child, found);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_million_ended_jobs_each_statement_reads_by_index() -> anyhow::Result<()> {
    let server = PostgresServer::start().await?;
    let db = TestDb::postgres_on(&server).await?;
    for statement in FILL.split_inclusive(";\n") {
        // VACUUM wants a message of its own.
        db.sql(statement).await?;
    }
    log_plans(&db).await?;
    let database = db.value("SELECT current_database()").await?.unwrap();
    // A prepared statement gets a plan for its parameters at first, and one for
    // any later on.
    for mode in ["force_custom_plan", "force_generic_plan"] {
        db.sql(&format!(
            "ALTER DATABASE {database} SET plan_cache_mode = {mode}"
        ))
        .await?;
        let tenant = connect_tenant(&DatabaseOptions::new(db.url())?).await?;
        for strategy in [ClaimStrategy::SkipLocked, ClaimStrategy::Portable] {
            drive(&tenant, strategy).await;
        }
        tenant.pool().clone().close().await?;
    }

    let mut sent = BTreeMap::new();
    let mut wrong = BTreeMap::new();
    for plan in logged_plans(&server.log()) {
        let sql = plan["Query Text"].as_str().unwrap().to_owned();
        let is_of_tests = sql.contains("current_database") || sql.contains("ALTER DATABASE");
        if is_of_tests || !sql.contains("job") {
            continue;
        }
        let blocks = |key: &str| plan["Plan"][key].as_f64().unwrap_or_default();
        let blocks = blocks("Shared Hit Blocks") + blocks("Shared Read Blocks");
        let mut found = Vec::new();
        if blocks > MAX_BLOCKS {
            found.push(format!("it reads {blocks} blocks"));
        }
        faults(&plan["Plan"], &mut found);
        *sent.entry(sql.clone()).or_insert(0) += 1;
        if !found.is_empty() {
            wrong.insert(sql, found);
        }
    }
    for part in SENT {
        assert!(
            sent.keys().any(|sql| sql.contains(part)),
            "no plan was logged of a statement with {part}"
        );
    }
    let foreign_key = "SELECT 1 FROM ONLY";
    assert!(sent.keys().any(|sql| sql.starts_with(foreign_key)));
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}
