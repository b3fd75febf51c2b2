//! What becomes of the job of a discovery.

use std::sync::{Arc, Mutex};

use outreach_domain::JobStatus;
use outreach_service::{
    connect::{DatabaseOptions, connect},
    discovery::{Contacts, Discovery, DiscoveryError, ProviderError, run_discovery},
    jobs::{JobError, cancel_job, find_job},
};
use outreach_tests::{Fault, Proxy, TestDb, matrix_tests};
use serde_json::json;

use super::{assert_counters_match_rows, domains, run};
use crate::support::{Search, enqueue, job_id, pool, request, result, unavailable};

matrix_tests! {
    f25_queries_before_a_failure_stay_saved,
    f32_a_job_cancelled_during_its_search_saves_nothing_more,
    f33_a_job_whose_searches_all_failed_is_failed_with_the_reason,
    f33_a_job_with_some_failed_searches_completes_and_counts_them,
    f33_a_provider_that_is_not_configured_fails_the_job_at_once_with_the_remedy,
    the_result_has_the_keys_that_front_ends_read,
    progress_is_told_after_each_query,
    a_job_of_another_kind_is_refused_and_left_alone,
    parameters_that_no_discovery_can_have_fail_the_job,
}

async fn f25_queries_before_a_failure_stay_saved(db: TestDb) {
    let pool = pool(&db).await;
    enqueue(&pool, 1, &request("good, broken", 100)).await;
    let search = Search::new(|query| {
        if query.keyword == "good" {
            return Ok(vec![result("https://a.example/")]);
        }
        Err(ProviderError::NotConfigured {
            provider: "stub",
            remedy: "set STUB_KEY".to_owned(),
        })
    });
    let error = run(&pool, 1, &search).await.unwrap_err();
    assert!(
        matches!(error, DiscoveryError::NotConfigured { .. }),
        "{error:?}"
    );
    assert_eq!(domains(&db).await, ["a.example"]);
    let job = find_job(&pool, job_id(1)).await.unwrap().unwrap();
    assert_eq!(job.status, JobStatus::Failed);
    let reason = job.error_message.unwrap();
    assert!(reason.contains("set STUB_KEY"), "{reason}");
}

async fn f32_a_job_cancelled_during_its_search_saves_nothing_more(db: TestDb) {
    let pool = pool(&db).await;
    enqueue(&pool, 1, &request("a, b", 10)).await;
    let canceller = pool.clone();
    let search = Search::new(move |_| {
        let pool = canceller.clone();
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(cancel_job(&pool, job_id(1)))
        })
        .unwrap();
        Ok(vec![result("https://a.example/")])
    });
    let error = run(&pool, 1, &search).await.unwrap_err();
    assert!(
        matches!(
            error,
            DiscoveryError::Job(JobError::LostRun {
                status: JobStatus::Cancelled,
                ..
            })
        ),
        "{error:?}"
    );
    assert!(domains(&db).await.is_empty());
    assert_eq!(search.asked(), ["a"], "no search is paid for after that");
    let job = find_job(&pool, job_id(1)).await.unwrap().unwrap();
    assert_eq!(job.status, JobStatus::Cancelled);
}

async fn f33_a_job_whose_searches_all_failed_is_failed_with_the_reason(db: TestDb) {
    let pool = pool(&db).await;
    enqueue(&pool, 1, &request("a, b", 100)).await;
    let search = Search::new(|_| Err(unavailable("503")));
    let summary = run(&pool, 1, &search).await.unwrap();
    assert_eq!(summary.failed(), 2);
    let job = find_job(&pool, job_id(1)).await.unwrap().unwrap();
    assert_eq!(job.status, JobStatus::Failed);
    let reason = job.error_message.unwrap();
    assert!(reason.contains("all 2 searches failed"), "{reason}");
    assert!(reason.contains("503"), "{reason}");
    let statistics = &job.result.unwrap()["search_statistics"];
    assert_eq!(statistics["queries_failed"], 2);
}

async fn f33_a_job_with_some_failed_searches_completes_and_counts_them(db: TestDb) {
    let pool = pool(&db).await;
    enqueue(&pool, 1, &request("a, b, c", 100)).await;
    let search = Search::new(|query| match query.keyword.as_str() {
        "b" => Err(unavailable("503")),
        keyword => Ok(vec![result(&format!("https://{keyword}.example/"))]),
    });
    run(&pool, 1, &search).await.unwrap();
    let job = find_job(&pool, job_id(1)).await.unwrap().unwrap();
    assert_eq!(job.status, JobStatus::Completed);
    let statistics = job.result.unwrap()["search_statistics"].clone();
    assert_eq!(statistics["queries_successful"], 2);
    assert_eq!(statistics["queries_failed"], 1);
    assert_eq!(domains(&db).await, ["a.example", "c.example"]);
    let error = db
        .value("SELECT error_message FROM discovery_queries WHERE status = 'failed'")
        .await
        .unwrap();
    assert!(error.unwrap().contains("503"));
}

async fn f33_a_provider_that_is_not_configured_fails_the_job_at_once_with_the_remedy(db: TestDb) {
    let pool = pool(&db).await;
    enqueue(&pool, 1, &request("a, b", 10)).await;
    let search = Search::new(|_| {
        Err(ProviderError::NotConfigured {
            provider: "stub",
            remedy: "set STUB_KEY".to_owned(),
        })
    });
    run(&pool, 1, &search).await.unwrap_err();
    assert_eq!(search.asked(), ["a"]);
    let job = find_job(&pool, job_id(1)).await.unwrap().unwrap();
    assert_eq!(job.status, JobStatus::Failed);
    assert!(job.error_message.unwrap().contains("set STUB_KEY"));
    assert_eq!(db.count("SELECT count(*) FROM job_runs").await.unwrap(), 0);
}

async fn the_result_has_the_keys_that_front_ends_read(db: TestDb) {
    let pool = pool(&db).await;
    enqueue(&pool, 1, &request("home decor blog", 100)).await;
    run(&pool, 1, &Search::of(&["https://a.example/", "nonsense"]))
        .await
        .unwrap();
    let job = find_job(&pool, job_id(1)).await.unwrap().unwrap();
    assert_eq!(
        job.result.unwrap(),
        json!({
            "prospects_discovered": 1,
            "locations": ["usa"],
            "categories": [],
            "keywords": "home decor blog",
            "search_statistics": {
                "total_queries": 1,
                "queries_executed": 1,
                "queries_successful": 1,
                "queries_failed": 0,
                "total_results_found": 2,
                "results_processed": 2,
                "results_saved": 1,
                "results_skipped_duplicate": 0,
                "results_skipped_existing": 0,
                "results_skipped_no_email": 0,
                "results_invalid": 1,
                "results_over_limit": 0,
            },
            "queries_detail": [{
                "query": "home decor blog",
                "location": "usa",
                "status": "success",
                "results_found": 2,
                "results_saved": 1,
                "error": null,
            }],
        })
    );
    let query = db
        .sql("SELECT location, location_code, category, status FROM discovery_queries")
        .await
        .unwrap()
        .remove(0);
    let query: Vec<_> = query.iter().map(Option::as_deref).collect();
    assert_eq!(
        query,
        [
            Some("usa"),
            Some("2840"),
            Some("home_decor"),
            Some("success")
        ]
    );
}

async fn progress_is_told_after_each_query(db: TestDb) {
    let pool = pool(&db).await;
    enqueue(&pool, 1, &request("a, b", 100)).await;
    let search =
        Search::new(|query| Ok(vec![result(&format!("https://{}.example/", query.keyword))]));
    let told = Mutex::new(Vec::new());
    let on_progress = |progress: outreach_service::discovery::DiscoveryProgress| {
        told.lock().unwrap().push((
            progress.queries_done,
            progress.queries_total,
            progress.counters.saved,
        ));
    };
    let discovery = Discovery {
        on_progress: &on_progress,
        ..Discovery::new(&search, Contacts::Deferred(None))
    };
    run_discovery(&pool, job_id(1), &discovery).await.unwrap();
    assert_eq!(*told.lock().unwrap(), [(1, 2, 1), (2, 2, 2)]);
}

async fn a_job_of_another_kind_is_refused_and_left_alone(db: TestDb) {
    let pool = pool(&db).await;
    enqueue(&pool, 1, &request("a", 100)).await;
    db.sql("UPDATE jobs SET job_type = 'send'").await.unwrap();
    let error = run(&pool, 1, &Search::of(&[])).await.unwrap_err();
    assert!(
        matches!(error, DiscoveryError::WrongKind { .. }),
        "{error:?}"
    );
    let job = find_job(&pool, job_id(1)).await.unwrap().unwrap();
    assert_eq!(job.status, JobStatus::Pending);
}

async fn parameters_that_no_discovery_can_have_fail_the_job(db: TestDb) {
    let pool = pool(&db).await;
    enqueue(&pool, 1, &request("a", 100)).await;
    db.sql(r#"UPDATE jobs SET params = '{"locations": ["europe"]}'"#)
        .await
        .unwrap();
    let search = Search::of(&[]);
    let error = run(&pool, 1, &search).await.unwrap_err();
    assert!(
        matches!(error, DiscoveryError::InvalidParams { .. }),
        "{error:?}"
    );
    assert!(search.asked().is_empty());
    let job = find_job(&pool, job_id(1)).await.unwrap().unwrap();
    assert_eq!(job.status, JobStatus::Failed);
    assert!(job.error_message.unwrap().contains("europe"));
}

/// The replies to the commits of a query and of the job's end are lost; both
/// had happened, and the job goes on as if nothing was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f25_commits_whose_replies_are_lost_are_asked_for_and_nothing_is_done_twice() {
    let db = TestDb::postgres().await.unwrap();
    let proxy = Arc::new(Proxy::start(db.url()).await.unwrap());
    let options = DatabaseOptions::new(&proxy.url(db.url()).unwrap()).unwrap();
    let pool = connect(&options).await.unwrap();
    enqueue(&pool, 1, &request("a", 100)).await;
    let cut = proxy.clone();
    let search = Search::new(move |_| {
        cut.set_fault(Fault::SwallowCommitReply);
        Ok(vec![result("https://a.example/")])
    });
    let cut = proxy.clone();
    let on_progress = move |_| cut.set_fault(Fault::SwallowCommitReply);
    let discovery = Discovery {
        on_progress: &on_progress,
        ..Discovery::new(&search, Contacts::Deferred(None))
    };
    let summary = run_discovery(&pool, job_id(1), &discovery).await.unwrap();
    assert_eq!(proxy.faults_fired(), 2);
    assert_eq!(search.asked(), ["a"], "the search is paid for once");
    assert_eq!(summary.counters.saved, 1);
    let job = find_job(&pool, job_id(1)).await.unwrap().unwrap();
    assert_eq!(job.status, JobStatus::Completed);
    assert_counters_match_rows(&db, &summary.counters).await;
}
