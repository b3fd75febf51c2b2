//! Attempts that something else cut off: they do not count, unless it happens
//! again and again.

use std::time::Duration;

use outreach_domain::JobStatus;
use outreach_service::{
    connect::Tenant,
    jobs::{
        ClaimRequest, ClaimedJob, Interruption, RunToken, claim_jobs, enqueue_job, find_job,
        interrupt_job, record_progress_in_txn, retry_job,
    },
    transaction::{TransactionSource, safe_commit},
    worker::{JobFailure, WorkerEvent},
};
use outreach_tests::{JobDb, job_tests};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::handlers::{Answering, LIMIT, kind, new_job, next, worker};
use crate::support::{job_id, strategy, tenant};

job_tests! {
    three_interruptions_in_a_row_are_free_and_those_after_them_count,
    an_interruption_after_progress_is_free_however_many_there_were,
    a_failure_between_them_begins_a_new_row,
    an_interrupted_job_waits_before_it_is_claimed_again,
}

async fn claim(jobs: &JobDb, tenant: &Tenant) -> ClaimedJob {
    let request = ClaimRequest {
        kinds: &[kind()],
        limit: 1,
        owner: "test",
        lease: Duration::from_mins(5),
        strategy: strategy(jobs),
    };
    let claimed = claim_jobs(tenant, &request, RunToken::random()).await;
    claimed.unwrap().remove(0)
}

async fn interrupt(jobs: &JobDb, tenant: &Tenant, progress: Option<Value>) -> JobStatus {
    let claimed = claim(jobs, tenant).await;
    if let Some(progress) = progress {
        let mut txn = tenant.begin_transaction("test").await.unwrap();
        record_progress_in_txn(&mut txn, claimed.run, progress)
            .await
            .unwrap();
        safe_commit(txn, "test").await.unwrap();
    }
    let interruption = Interruption {
        reason: "the server went away",
        delay: Duration::ZERO,
        progress: claimed.progress.as_ref(),
    };
    interrupt_job(tenant, claimed.run, interruption)
        .await
        .unwrap()
}

async fn attempts(jobs: &JobDb) -> i64 {
    let attempts = "SELECT attempts FROM job_runs";
    jobs.db.count(attempts).await.unwrap()
}

async fn three_interruptions_in_a_row_are_free_and_those_after_them_count(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_job(&tenant, &new_job(1).max_attempts(2))
        .await
        .unwrap();
    for counted in [0, 0, 0, 1] {
        assert_eq!(interrupt(&jobs, &tenant, None).await, JobStatus::Pending);
        assert_eq!(attempts(&jobs).await, counted);
    }
    assert_eq!(interrupt(&jobs, &tenant, None).await, JobStatus::Failed);
    let job = find_job(&tenant, job_id(1)).await.unwrap().unwrap();
    assert_eq!(job.status, JobStatus::Failed);
    let error = job.error_message.unwrap();
    assert!(error.contains("the server went away"), "{error}");
    let left = "SELECT count(*) FROM job_runs";
    assert_eq!(jobs.db.count(left).await.unwrap(), 0);
}

async fn an_interruption_after_progress_is_free_however_many_there_were(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_job(&tenant, &new_job(1).max_attempts(1))
        .await
        .unwrap();
    for done in 1..=8 {
        let became = interrupt(&jobs, &tenant, Some(json!({ "done": done }))).await;
        assert_eq!((became, attempts(&jobs).await), (JobStatus::Pending, 0));
    }
}

async fn a_failure_between_them_begins_a_new_row(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_job(&tenant, &new_job(1).max_attempts(9))
        .await
        .unwrap();
    for _ in 0..3 {
        interrupt(&jobs, &tenant, None).await;
    }
    let run = claim(&jobs, &tenant).await.run;
    retry_job(&tenant, run, "no answer", Duration::ZERO, None)
        .await
        .unwrap();
    for _ in 0..3 {
        interrupt(&jobs, &tenant, None).await;
        assert_eq!(attempts(&jobs).await, 1, "only the failure counts");
    }
}

async fn an_interrupted_job_waits_before_it_is_claimed_again(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_job(&tenant, &new_job(1).max_attempts(1))
        .await
        .unwrap();
    let (ended, mut ends) = mpsc::unbounded_channel();
    let handler = Answering::new(|_| Err(JobFailure::interrupted("no connection")));
    let worker = worker(&jobs, &tenant)
        .handle(kind(), handler.clone())
        .watch(move |event| {
            if let WorkerEvent::Ended { end, .. } = event {
                ended.send(end.clone()).unwrap();
            }
        })
        .build()
        .unwrap();
    // It would go on at once, and again and again; it ends because nothing may
    // start now.
    let working = worker.run_until_idle(CancellationToken::new());
    let report = tokio::time::timeout(LIMIT, working).await.unwrap();
    assert_eq!((report.claimed, report.released), (1, 1));
    assert_eq!(
        next(&mut ends).await,
        outreach_service::worker::AttemptEnd::Released
    );
    assert_eq!(attempts(&jobs).await, 0);
}
