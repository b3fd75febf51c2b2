//! The plans that SQLite makes for the queue's statements.

use std::sync::{Arc, Mutex};

use outreach_service::{
    connect::{DatabaseOptions, Tenant, connect},
    jobs::ClaimStrategy,
};
use outreach_tests::TestDb;
use sea_orm::{ConnectionTrait, Statement};

use super::{SENT, drive};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_statement_searches_by_an_index() -> anyhow::Result<()> {
    let db = TestDb::sqlite().await?;
    let mut pool = connect(&DatabaseOptions::new(db.url())?).await?;
    let sent: Arc<Mutex<Vec<Statement>>> = Arc::default();
    let recorded = Arc::clone(&sent);
    pool.set_metric_callback(move |info| recorded.lock().unwrap().push(info.statement.clone()));
    drive(&Tenant::of(pool.clone()), ClaimStrategy::Portable).await;

    let sent = sent.lock().unwrap().clone();
    for part in SENT {
        assert!(
            sent.iter().any(|statement| statement.sql.contains(part)),
            "no statement was sent with {part}"
        );
    }
    for mut statement in sent {
        statement.sql.insert_str(0, "EXPLAIN QUERY PLAN ");
        let sql = statement.sql.clone();
        for step in pool.query_all_raw(statement).await? {
            let step: String = step.try_get("", "detail")?;
            // The whole of a subquery is read; of a table, what an index leads to.
            let scans = ["SCAN jobs", "SCAN job_runs"]
                .into_iter()
                .any(|scan| step.starts_with(scan));
            assert!(!scans, "{step} in {sql}");
        }
    }
    Ok(())
}
