//! Discoveries as jobs of a worker: what a crash costs, and what several
//! searches at the same time may not change.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use outreach_domain::{JobKind, JobStatus};
use outreach_service::{
    connect::Tenant,
    discovery::{
        DiscoveryHandler, DiscoveryLimits, ProviderError, SearchProvider, SearchQuery, SearchResult,
    },
    jobs::{Job, NewJob, enqueue_job, find_job},
    worker::{Worker, WorkerReport},
};
use outreach_tests::{JobDb, job_tests};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::handlers::{LIMIT, next, worker};
use crate::support::{Search, job_id, request, result, tenant, unavailable};

job_tests! {
    f25_what_was_saved_before_a_crash_stays_and_is_not_searched_again,
    f33_a_provider_that_is_not_configured_fails_the_job_at_once,
    f33_some_failed_searches_complete_the_job_with_counts,
    a_search_that_fails_for_a_moment_is_made_again,
    searches_at_the_same_time_give_what_they_would_give_one_by_one,
    f26_jobs_at_the_same_time_save_each_domain_once_and_their_counters_add_up,
}

/// A few milliseconds between attempts, so that tests do not wait.
fn limits(concurrent_searches: usize) -> DiscoveryLimits {
    DiscoveryLimits {
        concurrent_searches,
        first_delay: Duration::from_millis(1),
        max_delay: Duration::from_millis(2),
        ..DiscoveryLimits::default()
    }
}

fn discovering(
    jobs: &JobDb,
    tenant: &Tenant,
    search: impl SearchProvider + 'static,
    concurrent_searches: usize,
) -> Worker {
    let handler = DiscoveryHandler::new(search).limits(limits(concurrent_searches));
    worker(jobs, tenant)
        .handle(JobKind::Discover, handler)
        .build()
        .unwrap()
}

async fn until_idle(worker: &Worker) -> WorkerReport {
    let working = worker.run_until_idle(CancellationToken::new());
    tokio::time::timeout(LIMIT, working).await.unwrap()
}

async fn enqueue(tenant: &Tenant, number: u64, keywords: &str, max_results: u32) {
    let job = NewJob::discover(job_id(number), &request(keywords, max_results));
    enqueue_job(tenant, &job.allow_concurrent()).await.unwrap();
}

async fn job(tenant: &Tenant, number: u64) -> Job {
    find_job(tenant, job_id(number)).await.unwrap().unwrap()
}

fn statistic(job: &Job, key: &str) -> u64 {
    let result = job.result.as_ref().unwrap();
    result["search_statistics"][key].as_u64().unwrap()
}

/// Answers each keyword with addresses of its own, but never answers `stuck`.
#[derive(Clone)]
struct Stuck {
    keyword: &'static str,
    asked: mpsc::UnboundedSender<String>,
}

#[async_trait]
impl SearchProvider for Stuck {
    fn name(&self) -> &'static str {
        "stub"
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<SearchResult>, ProviderError> {
        self.asked.send(query.keyword.clone()).unwrap();
        if query.keyword == self.keyword {
            std::future::pending::<()>().await;
        }
        Ok(vec![result(&format!("https://{}.example/", query.keyword))])
    }
}

async fn f25_what_was_saved_before_a_crash_stays_and_is_not_searched_again(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue(&tenant, 1, "a, b, c", 10).await;
    let (asked, mut asks) = mpsc::unbounded_channel();
    let stuck = Stuck {
        keyword: "b",
        asked: asked.clone(),
    };
    let dead = discovering(&jobs, &tenant, stuck, 1);
    let dying = tokio::spawn(async move { dead.run(CancellationToken::new()).await });
    assert_eq!(next(&mut asks).await, "a");
    assert_eq!(next(&mut asks).await, "b");
    dying.abort();
    assert!(dying.await.unwrap_err().is_cancelled());
    assert_eq!(
        jobs.db
            .count("SELECT count(*) FROM prospects")
            .await
            .unwrap(),
        1
    );
    jobs.db
        .sql("UPDATE job_runs SET lease_expires_at = '2020-01-01T00:00:00+00:00'")
        .await
        .unwrap();
    let alive = Stuck {
        keyword: "none",
        asked,
    };
    let report = until_idle(&discovering(&jobs, &tenant, alive, 1)).await;
    assert_eq!(report.completed, 1);
    asks.close();
    let mut again = Vec::new();
    while let Some(keyword) = asks.recv().await {
        again.push(keyword);
    }
    assert_eq!(again, ["b", "c"], "the first search is not paid for again");
    let job = job(&tenant, 1).await;
    assert_eq!(statistic(&job, "queries_executed"), 3);
    assert_eq!(statistic(&job, "results_saved"), 3);
}

async fn f33_a_provider_that_is_not_configured_fails_the_job_at_once(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue(&tenant, 1, "a, b, c", 10).await;
    let search = Search::new(|_| {
        Err(ProviderError::NotConfigured {
            provider: "stub",
            remedy: "set STUB_KEY".to_owned(),
        })
    });
    let report = until_idle(&discovering(&jobs, &tenant, search, 1)).await;
    assert_eq!(
        (report.claimed, report.failed),
        (1, 1),
        "it is not tried again"
    );
    let job = job(&tenant, 1).await;
    assert_eq!(job.status, JobStatus::Failed);
    assert!(job.error_message.unwrap().contains("set STUB_KEY"));
}

async fn f33_some_failed_searches_complete_the_job_with_counts(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue(&tenant, 1, "a, b", 10).await;
    enqueue(&tenant, 2, "c, d", 10).await;
    let search = Search::new(|query| match query.keyword.as_str() {
        "a" => Ok(vec![result("https://a.example/")]),
        _ => Err(ProviderError::Rejected {
            provider: "stub",
            reason: "no".to_owned(),
        }),
    });
    until_idle(&discovering(&jobs, &tenant, search, 4)).await;
    let some = job(&tenant, 1).await;
    assert_eq!(some.status, JobStatus::Completed);
    assert_eq!(statistic(&some, "queries_failed"), 1);
    assert_eq!(statistic(&some, "queries_successful"), 1);
    let all = job(&tenant, 2).await;
    assert_eq!(all.status, JobStatus::Failed);
    assert!(
        all.error_message
            .as_ref()
            .unwrap()
            .contains("all 2 searches failed")
    );
    assert_eq!(statistic(&all, "queries_failed"), 2);
}

async fn a_search_that_fails_for_a_moment_is_made_again(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue(&tenant, 1, "a", 10).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let search = Search::new(move |_| match counted.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => Err(unavailable("503")),
        _ => Ok(vec![result("https://a.example/")]),
    });
    until_idle(&discovering(&jobs, &tenant, search, 1)).await;
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    let job = job(&tenant, 1).await;
    assert_eq!(statistic(&job, "queries_failed"), 0);
    assert_eq!(statistic(&job, "results_saved"), 1);
}

/// Ten results for each of many keywords, of which some are shared.
fn many() -> Search {
    Search::new(|query| {
        let number: u64 = query.keyword.parse().unwrap();
        Ok((0..10)
            .map(|n| result(&format!("https://d{}.example/", number * 6 + n)))
            .collect())
    })
}

fn keywords() -> String {
    let words: Vec<String> = (0..12).map(|number| number.to_string()).collect();
    words.join(",")
}

async fn searches_at_the_same_time_give_what_they_would_give_one_by_one(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    let mut results: Vec<Value> = Vec::new();
    for (number, concurrent) in [(1, 1), (2, 8)] {
        enqueue(&tenant, number, &keywords(), 43).await;
        until_idle(&discovering(&jobs, &tenant, many(), concurrent)).await;
        let job = job(&tenant, number).await;
        assert_eq!(job.status, JobStatus::Completed);
        assert_eq!(statistic(&job, "results_saved"), 43);
        results.push(job.result.unwrap());
        let rows = "SELECT count(*) FROM prospects";
        assert_eq!(jobs.db.count(rows).await.unwrap(), 43);
        jobs.db.sql("DELETE FROM prospects").await.unwrap();
    }
    assert_eq!(results[0], results[1]);
}

async fn f26_jobs_at_the_same_time_save_each_domain_once_and_their_counters_add_up(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    for number in 1..=4 {
        enqueue(&tenant, number, &keywords(), 1000).await;
    }
    let report = until_idle(&discovering(&jobs, &tenant, many(), 4)).await;
    assert_eq!(report.completed, 4, "{report:?}");
    let mut saved = 0;
    for number in 1..=4 {
        let job = job(&tenant, number).await;
        let ends = [
            "results_saved",
            "results_skipped_duplicate",
            "results_skipped_existing",
            "results_skipped_no_email",
            "results_invalid",
            "results_over_limit",
        ];
        let sum: u64 = ends.iter().map(|end| statistic(&job, end)).sum();
        assert_eq!(sum, statistic(&job, "total_results_found"));
        saved += statistic(&job, "results_saved");
    }
    let rows = "SELECT count(*) FROM prospects";
    // The last keyword begins at 66 and has ten.
    assert_eq!(saved, 76);
    assert_eq!(jobs.db.count(rows).await.unwrap(), 76);
}
