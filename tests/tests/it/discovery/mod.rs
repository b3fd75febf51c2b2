//! Discovery: what becomes of each result, and of the job.

mod contacts;
mod ends;
mod results;

use outreach_service::discovery::{
    Contacts, Counters, Discovery, DiscoveryError, DiscoverySummary, run_discovery,
};
use outreach_tests::TestDb;
use sea_orm::DatabaseConnection;

use crate::support::{Search, job_id};

async fn run(
    pool: &DatabaseConnection,
    number: u64,
    search: &Search,
) -> Result<DiscoverySummary, DiscoveryError> {
    let discovery = Discovery::new(search, Contacts::Deferred(None));
    run_discovery(pool, job_id(number), &discovery).await
}

async fn domains(db: &TestDb) -> Vec<String> {
    let rows = db
        .sql("SELECT domain FROM prospects ORDER BY domain")
        .await
        .unwrap();
    rows.into_iter()
        .map(|row| row[0].clone().unwrap())
        .collect()
}

/// What law 5 asks for: counters are those of committed rows.
async fn assert_counters_match_rows(db: &TestDb, counters: &Counters) {
    assert!(counters.is_balanced(), "{counters:?}");
    let prospects = db.count("SELECT count(*) FROM prospects").await.unwrap();
    let saved = db
        .count("SELECT coalesce(sum(results_saved), 0) FROM discovery_queries")
        .await
        .unwrap();
    assert_eq!(prospects, saved);
}
