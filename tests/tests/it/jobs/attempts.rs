//! How a worker's attempts end, and what is recorded of them.

use std::time::Duration;

use outreach_domain::JobStatus;
use outreach_service::{
    connect::Tenant,
    jobs::{JobCursor, JobFilter, cancel_job, enqueue_job, find_job, list_jobs},
    page::PageRequest,
    transaction::{TransactionSource, safe_commit},
    worker::{AttemptEnd, Backoff, Completion, JobFailure, WorkerEvent},
};
use outreach_tests::{JobDb, job_tests};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::handlers::{Answering, Endless, LIMIT, kind, new_job, next, worker};
use crate::support::{job_id, tenant};

job_tests! {
    a_job_is_run_once_and_completed_with_its_result,
    a_failed_attempt_is_made_again_until_it_succeeds,
    f32_a_permanent_failure_is_not_tried_again,
    a_handler_that_panics_has_failed_and_the_worker_goes_on,
    a_handler_may_end_the_job_in_its_own_transaction,
    parameters_of_another_shape_fail_the_job_with_the_reason,
    f32_a_cancelled_job_is_stopped_within_a_heartbeat,
    f30_a_deadline_holds_inside_of_waits,
    f30_a_job_whose_deadline_has_passed_is_not_begun,
    f42_progress_is_written_while_the_job_runs,
}

async fn run_until_idle(jobs: &JobDb, tenant: &Tenant, handler: Answering) {
    let worker = worker(jobs, tenant)
        .handle(kind(), handler)
        .backoff(Backoff {
            first: Duration::from_millis(1),
            max: Duration::from_millis(1),
        })
        .build()
        .unwrap();
    let working = worker.run_until_idle(CancellationToken::new());
    tokio::time::timeout(LIMIT, working).await.unwrap();
}

async fn job(tenant: &Tenant, number: u64) -> outreach_service::jobs::Job {
    find_job(tenant, job_id(number)).await.unwrap().unwrap()
}

async fn a_job_is_run_once_and_completed_with_its_result(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    for number in 0..30 {
        enqueue_job(&tenant, &new_job(number)).await.unwrap();
    }
    let handler = Answering::new(|job| {
        let params: serde_json::Value = job.params()?;
        Ok(Completion::Done(Some(params)))
    });
    run_until_idle(&jobs, &tenant, handler.clone()).await;
    assert_eq!(handler.attempts().len(), 30);
    assert!(handler.attempts().values().all(|attempts| *attempts == 1));
    let page = PageRequest::<JobCursor>::first(100);
    let listed = list_jobs(&tenant, &JobFilter::default(), &page)
        .await
        .unwrap();
    assert_eq!(listed.items.len(), 30);
    for job in listed.items {
        assert_eq!(
            (job.status, &job.result),
            (JobStatus::Completed, &job.params)
        );
    }
}

async fn a_failed_attempt_is_made_again_until_it_succeeds(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_job(&tenant, &new_job(1).max_attempts(4))
        .await
        .unwrap();
    let handler = Answering::new(|job| {
        if job.attempt() < 3 {
            return Err(JobFailure::retry_after("not yet", Duration::ZERO));
        }
        Ok(Completion::Done(Some(json!({ "attempt": job.attempt() }))))
    });
    // A retry may come a moment after the worker was idle.
    while job(&tenant, 1).await.status == JobStatus::Pending {
        run_until_idle(&jobs, &tenant, handler.clone()).await;
    }
    let job = job(&tenant, 1).await;
    assert_eq!(job.status, JobStatus::Completed);
    assert_eq!(job.result, Some(json!({ "attempt": 3 })));
    assert_eq!(job.error_message, None);
}

async fn f32_a_permanent_failure_is_not_tried_again(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_job(&tenant, &new_job(1)).await.unwrap();
    let handler = Answering::new(|_| {
        Err(JobFailure::permanent("no such account").with_result(Some(json!({ "done": 0 }))))
    });
    run_until_idle(&jobs, &tenant, handler.clone()).await;
    assert_eq!(handler.attempts()[&job_id(1)], 1);
    let job = job(&tenant, 1).await;
    assert_eq!(job.status, JobStatus::Failed);
    assert_eq!(job.error_message.as_deref(), Some("no such account"));
    assert_eq!(job.result, Some(json!({ "done": 0 })));
}

async fn a_handler_that_panics_has_failed_and_the_worker_goes_on(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_job(&tenant, &new_job(1).max_attempts(1))
        .await
        .unwrap();
    enqueue_job(&tenant, &new_job(2)).await.unwrap();
    let handler = Answering::new(|job| {
        assert!(job.id() != job_id(1), "a defect");
        Ok(Completion::Done(None))
    });
    run_until_idle(&jobs, &tenant, handler).await;
    let failed = job(&tenant, 1).await;
    assert_eq!(failed.status, JobStatus::Failed);
    let error = failed.error_message.unwrap();
    assert!(error.contains("panicked: a defect"), "{error}");
    assert_eq!(job(&tenant, 2).await.status, JobStatus::Completed);
}

async fn a_handler_may_end_the_job_in_its_own_transaction(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_job(&tenant, &new_job(1)).await.unwrap();
    let (handler, mut begun) = Endless::new();
    let worker = worker(&jobs, &tenant)
        .handle(kind(), handler)
        .build()
        .unwrap();
    let shutdown = CancellationToken::new();
    let working = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { worker.run(shutdown).await }
    });
    let context = next(&mut begun).await;
    let mut txn = tenant.begin_transaction("test").await.unwrap();
    let result = json!({ "own": true });
    outreach_service::jobs::complete_job_in_txn(&mut txn, context.run(), result)
        .await
        .unwrap();
    safe_commit(txn, "test").await.unwrap();
    shutdown.cancel();
    tokio::time::timeout(LIMIT, working).await.unwrap().unwrap();
    let job = job(&tenant, 1).await;
    assert_eq!(job.status, JobStatus::Completed);
    assert_eq!(job.result, Some(json!({ "own": true })));
}

async fn parameters_of_another_shape_fail_the_job_with_the_reason(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_job(&tenant, &new_job(1)).await.unwrap();
    let handler = Answering::new(|job| {
        let _: Vec<u64> = job.params()?;
        Ok(Completion::Done(None))
    });
    run_until_idle(&jobs, &tenant, handler).await;
    let error = job(&tenant, 1).await.error_message.unwrap();
    assert!(error.contains("not those of a test.job job"), "{error}");
}

/// Runs one job that never ends by itself, does something to it, and returns
/// how its attempt ended.
async fn end_of_endless<F: Future<Output = ()>>(
    jobs: &JobDb,
    tenant: &Tenant,
    lease: Duration,
    meanwhile: impl FnOnce(outreach_service::worker::JobContext) -> F,
) -> AttemptEnd {
    let (handler, mut begun) = Endless::new();
    let (ended, mut ends) = mpsc::unbounded_channel();
    let worker = worker(jobs, tenant)
        .handle(kind(), handler)
        .lease(lease)
        .watch(move |event| {
            if let WorkerEvent::Ended { end, .. } = event {
                ended.send(end.clone()).unwrap();
            }
        })
        .build()
        .unwrap();
    let shutdown = CancellationToken::new();
    let working = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { worker.run(shutdown).await }
    });
    meanwhile(next(&mut begun).await).await;
    let end = next(&mut ends).await;
    shutdown.cancel();
    tokio::time::timeout(LIMIT, working).await.unwrap().unwrap();
    end
}

async fn f32_a_cancelled_job_is_stopped_within_a_heartbeat(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_job(&tenant, &new_job(1)).await.unwrap();
    let lease = Duration::from_secs(3);
    let end = end_of_endless(&jobs, &tenant, lease, |_| async {
        cancel_job(&tenant, job_id(1)).await.unwrap();
    })
    .await;
    assert_eq!(end, AttemptEnd::Lost);
    assert_eq!(job(&tenant, 1).await.status, JobStatus::Cancelled);
}

async fn f30_a_deadline_holds_inside_of_waits(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    let limited = new_job(1).time_limit(Duration::from_secs(1));
    enqueue_job(&tenant, &limited).await.unwrap();
    let lease = Duration::from_mins(5);
    let end = end_of_endless(&jobs, &tenant, lease, |_| async {}).await;
    let AttemptEnd::Failed { reason } = end else {
        panic!("{end:?}");
    };
    assert!(reason.contains("timed out"), "{reason}");
    let job = job(&tenant, 1).await;
    assert_eq!(job.status, JobStatus::Failed);
    assert!(job.error_message.unwrap().contains("timed out"));
}

async fn f30_a_job_whose_deadline_has_passed_is_not_begun(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    let limited = new_job(1).time_limit(Duration::from_hours(1));
    enqueue_job(&tenant, &limited).await.unwrap();
    jobs.db
        .sql("UPDATE job_runs SET deadline_at = '2020-01-01T00:00:00+00:00'")
        .await
        .unwrap();
    let handler = Answering::done();
    run_until_idle(&jobs, &tenant, handler.clone()).await;
    assert!(handler.attempts().is_empty());
    assert_eq!(job(&tenant, 1).await.status, JobStatus::Failed);
}

async fn f42_progress_is_written_while_the_job_runs(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_job(&tenant, &new_job(1)).await.unwrap();
    let lease = Duration::from_secs(3);
    let db = &jobs.db;
    end_of_endless(&jobs, &tenant, lease, |context| async move {
        context
            .record_progress(&json!({ "done": 3 }))
            .await
            .unwrap();
        let progress = "SELECT CAST(progress AS text) FROM job_runs";
        let stored = db.value(progress).await.unwrap().unwrap();
        let stored: serde_json::Value = serde_json::from_str(&stored).unwrap();
        assert_eq!(stored, json!({ "done": 3 }));
        cancel_job(context.tenant(), context.id()).await.unwrap();
    })
    .await;
}
