//! Leases: who keeps a job, and who loses it.

use std::time::Duration;

use outreach_domain::JobStatus;
use outreach_service::{
    connect::Tenant,
    jobs::{
        ClaimRequest, Extended, JobError, NewJob, Run, RunToken, cancel_job, cancel_job_in_txn,
        claim_job, claim_jobs, complete_job, enqueue_job, extend_leases, extend_locked_lease,
        fail_job, find_job, record_progress_in_txn, release_expired, release_job, release_owned,
        retry_job,
    },
    transaction::{TransactionSource, safe_commit},
};
use outreach_tests::{JobDb, job_tests};
use serde_json::json;

use super::{
    handlers::{kind, new_job},
    running::status,
};
use crate::support::{job_id, strategy, tenant};

job_tests! {
    f29_a_job_whose_lease_has_ended_waits_again_and_its_old_run_writes_nothing,
    a_job_that_was_set_back_waits_when_its_lease_ends_even_after_its_last_attempt,
    f29_a_lease_that_has_not_ended_is_left_alone,
    f40_a_job_with_one_attempt_is_not_run_again_after_its_worker_was_lost,
    f30_a_job_past_its_deadline_is_not_tried_again,
    a_heartbeat_renews_the_leases_and_tells_which_are_lost,
    f32_a_heartbeat_tells_that_the_other_backend_has_cancelled,
    a_lease_that_ended_and_was_not_taken_is_renewed,
    a_job_that_is_given_back_has_its_attempt_back,
    what_a_worker_still_holds_is_given_back_together,
    a_failed_attempt_waits_and_keeps_the_errors,
    the_last_attempt_fails_the_job_with_all_its_errors,
}

const EXPIRE: &str = "UPDATE job_runs SET lease_expires_at = '2020-01-01T00:00:00+00:00'";

async fn claim(jobs: &JobDb, tenant: &Tenant) -> Run {
    claim_as(jobs, tenant, "test").await
}

async fn claim_as(jobs: &JobDb, tenant: &Tenant, owner: &str) -> Run {
    let request = ClaimRequest {
        kinds: &[kind()],
        limit: 1,
        owner,
        lease: Duration::from_mins(5),
        strategy: strategy(jobs),
    };
    let claimed = claim_jobs(tenant, &request, RunToken::random()).await;
    claimed.unwrap().remove(0).run
}

async fn enqueued(tenant: &Tenant, job: NewJob) {
    enqueue_job(tenant, &job).await.unwrap();
}

fn assert_lost<T: std::fmt::Debug>(outcome: &Result<T, JobError>) {
    assert!(
        matches!(outcome, Err(JobError::LostRun { .. })),
        "{outcome:?}"
    );
}

async fn assert_writes_nothing(tenant: &Tenant, run: Run) {
    let mut txn = tenant.begin_transaction("test").await.unwrap();
    assert_lost(&record_progress_in_txn(&mut txn, run, json!({})).await);
    drop(txn);
    assert_lost(&complete_job(tenant, run, json!({})).await);
    assert_lost(&fail_job(tenant, run, "stale", None).await);
    assert_lost(&retry_job(tenant, run, "stale", Duration::ZERO, None).await);
    assert_lost(&release_job(tenant, run, Duration::ZERO).await);
}

async fn f29_a_job_whose_lease_has_ended_waits_again_and_its_old_run_writes_nothing(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueued(&tenant, new_job(1)).await;
    let dead = claim_as(&jobs, &tenant, "dead worker").await;
    jobs.db.sql(EXPIRE).await.unwrap();
    let released = release_expired(&tenant, strategy(&jobs)).await.unwrap();
    assert_eq!(released.len(), 1);
    assert_eq!(
        (released[0].job, released[0].became),
        (job_id(1), JobStatus::Pending)
    );
    assert_eq!(status(&tenant, 1).await, JobStatus::Pending);
    assert_writes_nothing(&tenant, dead).await;
    let alive = claim(&jobs, &tenant).await;
    assert_writes_nothing(&tenant, dead).await;
    assert_eq!(status(&tenant, 1).await, JobStatus::Running);
    let errors = "SELECT CAST(errors AS text) FROM job_runs";
    let errors = jobs.db.value(errors).await.unwrap().unwrap();
    assert!(errors.contains("dead worker"), "{errors}");
    complete_job(&tenant, alive, json!({})).await.unwrap();
}

async fn a_job_that_was_set_back_waits_when_its_lease_ends_even_after_its_last_attempt(
    jobs: JobDb,
) {
    let tenant = tenant(&jobs).await;
    for attempts in [1, 5] {
        let job = new_job(u64::from(attempts)).max_attempts(attempts);
        enqueued(&tenant, job).await;
        claim(&jobs, &tenant).await;
        jobs.db
            .sql("UPDATE jobs SET status = 'pending'")
            .await
            .unwrap();
        jobs.db.sql(EXPIRE).await.unwrap();
        let released = release_expired(&tenant, strategy(&jobs)).await.unwrap();
        assert_eq!(released[0].became, JobStatus::Pending);
        let run = claim(&jobs, &tenant).await;
        complete_job(&tenant, run, json!({})).await.unwrap();
    }
}

async fn f29_a_lease_that_has_not_ended_is_left_alone(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueued(&tenant, new_job(1)).await;
    let run = claim(&jobs, &tenant).await;
    let released = release_expired(&tenant, strategy(&jobs)).await.unwrap();
    assert_eq!(released, []);
    complete_job(&tenant, run, json!({})).await.unwrap();
}

/// What may not be done twice, such as a mail, is enqueued with one attempt: a
/// crash in its middle is visible, and nothing is done again by itself.
async fn f40_a_job_with_one_attempt_is_not_run_again_after_its_worker_was_lost(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueued(&tenant, new_job(1).max_attempts(1)).await;
    let lost = claim_as(&jobs, &tenant, "dead worker").await;
    jobs.db.sql(EXPIRE).await.unwrap();
    let released = release_expired(&tenant, strategy(&jobs)).await.unwrap();
    assert_eq!(released[0].became, JobStatus::Failed);
    let job = find_job(&tenant, job_id(1)).await.unwrap().unwrap();
    assert_eq!(job.status, JobStatus::Failed);
    let error = job.error_message.unwrap();
    assert!(error.contains("dead worker was lost"), "{error}");
    assert_writes_nothing(&tenant, lost).await;
    let runs = jobs.db.count("SELECT count(*) FROM job_runs").await;
    assert_eq!(runs.unwrap(), 0, "nobody can claim it");
}

async fn f30_a_job_past_its_deadline_is_not_tried_again(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueued(&tenant, new_job(1).time_limit(Duration::from_hours(1))).await;
    claim(&jobs, &tenant).await;
    jobs.db.sql(EXPIRE).await.unwrap();
    jobs.db
        .sql("UPDATE job_runs SET deadline_at = '2020-01-01T00:00:00+00:00'")
        .await
        .unwrap();
    let released = release_expired(&tenant, strategy(&jobs)).await.unwrap();
    assert_eq!(released[0].became, JobStatus::Failed);
    let job = find_job(&tenant, job_id(1)).await.unwrap().unwrap();
    let error = job.error_message.unwrap();
    assert!(error.contains("timed out"), "{error}");
}

async fn a_heartbeat_renews_the_leases_and_tells_which_are_lost(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    let mut runs = Vec::new();
    for number in 1..=3 {
        enqueued(&tenant, new_job(number)).await;
        runs.push(claim(&jobs, &tenant).await);
    }
    cancel_job(&tenant, runs[1].job).await.unwrap();
    jobs.db.sql(EXPIRE).await.unwrap();
    let lease = Duration::from_mins(5);
    let lost = extend_leases(&tenant, &runs, lease).await.unwrap();
    assert_eq!(lost.lost, [runs[1]]);
    let renewed = "SELECT count(*) FROM job_runs WHERE lease_expires_at > '2025-01-01'";
    assert_eq!(jobs.db.count(renewed).await.unwrap(), 2);
    assert_eq!(release_expired(&tenant, strategy(&jobs)).await.unwrap(), []);
}

async fn f32_a_heartbeat_tells_that_the_other_backend_has_cancelled(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueued(&tenant, new_job(1)).await;
    let run = claim(&jobs, &tenant).await;
    jobs.db
        .sql("UPDATE jobs SET status = 'cancelled'")
        .await
        .unwrap();
    let lost = extend_leases(&tenant, &[run], Duration::from_mins(5)).await;
    assert_eq!(lost.unwrap().lost, [run]);
}

async fn a_lease_that_ended_and_was_not_taken_is_renewed(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueued(&tenant, new_job(1)).await;
    let run = claim(&jobs, &tenant).await;
    jobs.db.sql(EXPIRE).await.unwrap();
    let lost = extend_leases(&tenant, &[run], Duration::from_mins(5)).await;
    assert_eq!(lost.unwrap(), Extended::default());
    complete_job(&tenant, run, json!({})).await.unwrap();
}

async fn a_job_that_is_given_back_has_its_attempt_back(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueued(&tenant, new_job(1).max_attempts(1)).await;
    for _ in 0..3 {
        let run = claim(&jobs, &tenant).await;
        release_job(&tenant, run, Duration::ZERO).await.unwrap();
        assert_eq!(status(&tenant, 1).await, JobStatus::Pending);
    }
    assert_eq!(
        jobs.db
            .count("SELECT attempts FROM job_runs")
            .await
            .unwrap(),
        0
    );
}

async fn what_a_worker_still_holds_is_given_back_together(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    for number in 1..=3 {
        enqueued(&tenant, new_job(number)).await;
    }
    claim_as(&jobs, &tenant, "going").await;
    claim_as(&jobs, &tenant, "going").await;
    let other = claim_as(&jobs, &tenant, "staying").await;
    assert_eq!(release_owned(&tenant, "going").await.unwrap(), 2);
    assert_eq!(
        [
            status(&tenant, 1).await,
            status(&tenant, 2).await,
            status(&tenant, 3).await
        ],
        [JobStatus::Pending, JobStatus::Pending, JobStatus::Running]
    );
    complete_job(&tenant, other, json!({})).await.unwrap();
}

async fn a_failed_attempt_waits_and_keeps_the_errors(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueued(&tenant, new_job(1).max_attempts(9)).await;
    for attempt in 1..=7 {
        let run = claim(&jobs, &tenant).await;
        let error = format!("error {attempt} \0");
        let hour = Duration::from_hours(1);
        let became = retry_job(&tenant, run, &error, hour, None).await.unwrap();
        assert_eq!(became, JobStatus::Pending);
        let request = ClaimRequest {
            kinds: &[kind()],
            limit: 1,
            owner: "test",
            lease: hour,
            strategy: strategy(&jobs),
        };
        let early = claim_job(&tenant, job_id(1), &request, RunToken::random()).await;
        assert!(
            matches!(early, Err(JobError::NotClaimable { .. })),
            "{early:?}"
        );
        jobs.db
            .sql("UPDATE job_runs SET run_at = '2020-01-01T00:00:00+00:00'")
            .await
            .unwrap();
    }
    let errors = jobs
        .db
        .value("SELECT CAST(errors AS text) FROM job_runs")
        .await;
    let errors: serde_json::Value = serde_json::from_str(&errors.unwrap().unwrap()).unwrap();
    let kept: Vec<u64> = errors
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["attempt"].as_u64().unwrap())
        .collect();
    assert_eq!(kept, [3, 4, 5, 6, 7], "{errors}");
}

async fn the_last_attempt_fails_the_job_with_all_its_errors(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueued(&tenant, new_job(1).max_attempts(2)).await;
    let first = claim(&jobs, &tenant).await;
    let zero = Duration::ZERO;
    retry_job(&tenant, first, "first reason", zero, None)
        .await
        .unwrap();
    let second = claim(&jobs, &tenant).await;
    let result = Some(json!({ "done": 1 }));
    let became = retry_job(&tenant, second, "second reason", zero, result.clone()).await;
    assert_eq!(became.unwrap(), JobStatus::Failed);
    let job = find_job(&tenant, job_id(1)).await.unwrap().unwrap();
    assert_eq!((job.status, job.result), (JobStatus::Failed, result));
    assert_eq!(
        job.error_message.unwrap(),
        "attempt 2: second reason; attempt 1: first reason"
    );
    let mut txn = tenant.begin_transaction("test").await.unwrap();
    assert_lost(&record_progress_in_txn(&mut txn, second, json!({})).await);
    assert!(safe_commit(txn, "test").await.is_ok());
}

/// A run whose transactions follow each other closely has its row locked at
/// each heartbeat; its lease must not end for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_a_lease_whose_row_is_locked_is_renewed_as_soon_as_it_is_free() {
    let jobs = JobDb::postgres().await.unwrap();
    let tenant = tenant(&jobs).await;
    enqueued(&tenant, new_job(1)).await;
    let run = claim(&jobs, &tenant).await;
    jobs.db.sql(EXPIRE).await.unwrap();
    let mut txn = tenant.begin_transaction("test").await.unwrap();
    record_progress_in_txn(&mut txn, run, json!({}))
        .await
        .unwrap();
    let lease = Duration::from_mins(5);
    let extended = extend_leases(&tenant, &[run], lease).await.unwrap();
    assert_eq!((extended.lost, extended.locked), (vec![], vec![run]));
    let waiting = tokio::spawn({
        let tenant = tenant.clone();
        async move { extend_locked_lease(&tenant, run, lease).await }
    });
    let waits = "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let until = tokio::time::Instant::now() + super::handlers::LIMIT;
    while jobs.db.count(waits).await.unwrap() == 0 {
        assert!(tokio::time::Instant::now() < until, "nobody waits");
    }
    safe_commit(txn, "test").await.unwrap();
    assert!(waiting.await.unwrap().unwrap());
    let released = release_expired(&tenant, strategy(&jobs)).await.unwrap();
    assert_eq!(released, [], "the lease is renewed");
    complete_job(&tenant, run, json!({})).await.unwrap();
}

/// Others hold the job of the first of them, without end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_a_lease_whose_job_is_locked_keeps_no_other_from_its_release() {
    let jobs = JobDb::postgres_portable().await.unwrap();
    let tenant = tenant(&jobs)
        .await
        .with_lock_timeout(Duration::from_millis(100));
    for number in 1..=3 {
        enqueued(&tenant, new_job(number)).await;
        claim(&jobs, &tenant).await;
    }
    jobs.db.sql(EXPIRE).await.unwrap();
    let mut txn = tenant.begin_transaction("test").await.unwrap();
    cancel_job_in_txn(&mut txn, job_id(1)).await.unwrap();
    let released = release_expired(&tenant, strategy(&jobs)).await.unwrap();
    let mut jobs: Vec<_> = released.into_iter().map(|expired| expired.job).collect();
    jobs.sort();
    assert_eq!(jobs, [job_id(2), job_id(3)]);
}
