//! Claims: which jobs, in which order, and each by one worker.

use std::{collections::HashSet, time::Duration};

use outreach_domain::{JobKind, JobStatus};
use outreach_service::{
    connect::Tenant,
    jobs::{
        ClaimRequest, ClaimedJob, CompletedRun, NewJob, RunToken, StartAt, claim_jobs,
        complete_job, complete_jobs, enqueue_job, enqueue_jobs_in_txn, find_job, release_expired,
        retry_job, waiting_work,
    },
    transaction::{TransactionSource, safe_commit},
};
use outreach_tests::{JobDb, job_tests};
use sea_orm::ConnectionTrait;
use serde_json::json;

use super::handlers::{kind, new_job};
use crate::support::{job_id, strategy, tenant};

job_tests! {
    jobs_are_claimed_by_priority_then_by_time,
    many_priorities_are_claimed_in_their_order_whatever_starts_later,
    a_job_does_not_start_before_its_time,
    jobs_of_other_kinds_are_left_alone,
    several_kinds_are_claimed_in_one_order,
    of_claims_at_the_same_moment_each_job_has_one,
    a_job_that_the_other_backend_has_ended_is_not_claimed,
    f32_a_job_that_the_other_backend_runs_is_not_claimed,
    old_statuses_in_capital_letters_are_claimed,
    runs_that_lost_their_job_are_told_from_those_that_complete_with_them,
    a_stale_run_takes_nothing_from_the_run_that_has_the_job_now,
    a_job_whose_parameters_can_not_be_read_fails_alone,
    a_look_says_whether_there_is_something_to_do,
}

async fn claim(jobs: &JobDb, tenant: &Tenant, kinds: &[JobKind], limit: u32) -> Vec<ClaimedJob> {
    let request = ClaimRequest {
        kinds,
        limit,
        owner: "test",
        lease: Duration::from_mins(5),
        strategy: strategy(jobs),
    };
    claim_jobs(tenant, &request, RunToken::random())
        .await
        .unwrap()
}

fn numbers(claimed: &[ClaimedJob]) -> Vec<u64> {
    claimed
        .iter()
        .map(|job| job.params.as_ref().unwrap()["number"].as_u64().unwrap())
        .collect()
}

async fn enqueue_all(tenant: &Tenant, jobs: &[NewJob]) {
    let mut txn = tenant.begin_transaction("test").await.unwrap();
    enqueue_jobs_in_txn(&mut txn, jobs).await.unwrap();
    safe_commit(txn, "test").await.unwrap();
}

async fn jobs_are_claimed_by_priority_then_by_time(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    let at = |seconds: i64| StartAt::Time(chrono::DateTime::from_timestamp(seconds, 0).unwrap());
    for job in [
        new_job(1).start(at(20)),
        new_job(2).start(at(10)),
        new_job(3).priority(5).start(at(1)),
        new_job(4).priority(-5).start(at(30)),
    ] {
        enqueue_job(&tenant, &job).await.unwrap();
    }
    assert_eq!(
        numbers(&claim(&jobs, &tenant, &[kind()], 3).await),
        [4, 2, 1]
    );
    let last = claim(&jobs, &tenant, &[kind()], 3).await;
    assert_eq!(numbers(&last), [3]);
    assert_eq!((last[0].attempt, last[0].max_attempts), (1, 5));
    let job = find_job(&tenant, job_id(3)).await.unwrap().unwrap();
    assert_eq!(job.status, JobStatus::Running);
    assert!(claim(&jobs, &tenant, &[kind()], 3).await.is_empty());
}

/// More than are told apart; the first of them have nothing that may start.
async fn many_priorities_are_claimed_in_their_order_whatever_starts_later(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    let later = StartAt::After(Duration::from_hours(1));
    let priorities: Vec<i16> = (-30..30).collect();
    let mut all = Vec::new();
    for (number, priority) in (0..).zip(&priorities) {
        all.push(new_job(1000 + number).priority(*priority).start(later));
        if *priority >= -10 {
            all.push(new_job(number).priority(*priority));
        }
    }
    enqueue_all(&tenant, &all).await;
    let mut claimed = Vec::new();
    loop {
        let work = waiting_work(&tenant, &[kind()]).await.unwrap();
        let some = numbers(&claim(&jobs, &tenant, &[kind()], 7).await);
        assert_eq!(work.claimable, !some.is_empty());
        if some.is_empty() {
            break;
        }
        claimed.extend(some);
    }
    assert_eq!(claimed, (20..60).collect::<Vec<u64>>());
}

async fn a_job_does_not_start_before_its_time(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    let later = StartAt::After(Duration::from_hours(1));
    enqueue_job(&tenant, &new_job(1).start(later))
        .await
        .unwrap();
    assert!(claim(&jobs, &tenant, &[kind()], 3).await.is_empty());
    jobs.db
        .sql("UPDATE job_runs SET run_at = '2020-01-01T00:00:00+00:00'")
        .await
        .unwrap();
    assert_eq!(numbers(&claim(&jobs, &tenant, &[kind()], 3).await), [1]);
}

async fn jobs_of_other_kinds_are_left_alone(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_job(&tenant, &new_job(1)).await.unwrap();
    assert!(claim(&jobs, &tenant, &[JobKind::Send], 3).await.is_empty());
    assert!(claim(&jobs, &tenant, &[], 3).await.is_empty());
    assert_eq!(claim(&jobs, &tenant, &[kind()], 3).await[0].kind, kind());
}

async fn several_kinds_are_claimed_in_one_order(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    for number in 0..12_i16 {
        let kind = if number % 2 == 0 {
            JobKind::Send
        } else {
            kind()
        };
        let id = job_id(u64::from(number.unsigned_abs()));
        let job = NewJob::new(id, kind, json!({ "number": number })).priority(number);
        enqueue_job(&tenant, &job).await.unwrap();
    }
    let kinds = [kind(), JobKind::Send, JobKind::Score];
    assert_eq!(
        numbers(&claim(&jobs, &tenant, &kinds, 5).await),
        [0, 1, 2, 3, 4]
    );
    assert_eq!(claim(&jobs, &tenant, &kinds, 50).await.len(), 7);
}

async fn of_claims_at_the_same_moment_each_job_has_one(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    let all: Vec<NewJob> = (0..200).map(new_job).collect();
    enqueue_all(&tenant, &all).await;
    let jobs = std::sync::Arc::new(jobs);
    let claimers: Vec<_> = (0..4)
        .map(|_| {
            let (jobs, tenant) = (std::sync::Arc::clone(&jobs), tenant.clone());
            tokio::spawn(async move {
                let mut claimed = Vec::new();
                // A portable claim may come away with less than there is.
                while waiting_work(&tenant, &[kind()]).await.unwrap().claimable {
                    claimed.extend(numbers(&claim(&jobs, &tenant, &[kind()], 7).await));
                }
                claimed
            })
        })
        .collect();
    let mut claimed = Vec::new();
    for claimer in claimers {
        claimed.extend(claimer.await.unwrap());
    }
    let distinct: HashSet<u64> = claimed.iter().copied().collect();
    assert_eq!((claimed.len(), distinct.len()), (200, 200));
}

async fn a_job_that_the_other_backend_has_ended_is_not_claimed(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_all(&tenant, &[new_job(1).priority(-1), new_job(2)]).await;
    jobs.db
        .sql(
            "UPDATE jobs SET status = 'cancelled' \
             WHERE id = (SELECT job_id FROM job_runs WHERE priority = -1)",
        )
        .await
        .unwrap();
    assert_eq!(numbers(&claim(&jobs, &tenant, &[kind()], 9).await), [2]);
    let job = find_job(&tenant, job_id(1)).await.unwrap().unwrap();
    assert_eq!(job.status, JobStatus::Cancelled);
    assert_eq!(
        jobs.db
            .count("SELECT count(*) FROM job_runs")
            .await
            .unwrap(),
        1
    );
}

async fn f32_a_job_that_the_other_backend_runs_is_not_claimed(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_all(&tenant, &[new_job(1)]).await;
    jobs.db
        .sql("UPDATE jobs SET status = 'running'")
        .await
        .unwrap();
    assert!(claim(&jobs, &tenant, &[kind()], 9).await.is_empty());
    let job = find_job(&tenant, job_id(1)).await.unwrap().unwrap();
    assert_eq!(
        job.status,
        JobStatus::Running,
        "it is left to whoever runs it"
    );
}

async fn old_statuses_in_capital_letters_are_claimed(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_job(&tenant, &new_job(1)).await.unwrap();
    jobs.db
        .sql("UPDATE jobs SET status = 'PENDING'")
        .await
        .unwrap();
    let claimed = claim(&jobs, &tenant, &[kind()], 9).await;
    complete_job(&tenant, claimed[0].run, json!({}))
        .await
        .unwrap();
}

async fn runs_that_lost_their_job_are_told_from_those_that_complete_with_them(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    let all: Vec<NewJob> = (0..6).map(new_job).collect();
    enqueue_all(&tenant, &all).await;
    let mut claimed = claim(&jobs, &tenant, &[kind()], 3).await;
    claimed.extend(claim(&jobs, &tenant, &[kind()], 3).await);
    let lost = claimed[1].run;
    outreach_service::jobs::cancel_job(&tenant, lost.job)
        .await
        .unwrap();
    let runs: Vec<CompletedRun> = claimed
        .iter()
        .enumerate()
        .map(|(index, job)| CompletedRun {
            run: job.run,
            result: (index % 2 == 0).then(|| json!({ "index": index })),
        })
        .collect();
    assert_eq!(complete_jobs(&tenant, &runs).await.unwrap(), [lost]);
    for (index, job) in claimed.iter().enumerate() {
        let job = find_job(&tenant, job.run.job).await.unwrap().unwrap();
        let expected = if job.id == lost.job {
            (JobStatus::Cancelled, None)
        } else {
            let result = (index % 2 == 0).then(|| json!({ "index": index }));
            (JobStatus::Completed, result)
        };
        assert_eq!((job.status, job.result), expected);
    }
    assert_eq!(
        jobs.db
            .count("SELECT count(*) FROM job_runs")
            .await
            .unwrap(),
        0
    );
}

/// The stale run's key with the token of another claim of the same worker must
/// not end the job.
async fn a_stale_run_takes_nothing_from_the_run_that_has_the_job_now(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_all(&tenant, &[new_job(1)]).await;
    let stale = claim(&jobs, &tenant, &[kind()], 1).await[0].run;
    jobs.db
        .sql(
            "UPDATE job_runs SET run_token = NULL, lease_expires_at = NULL; \
             UPDATE jobs SET status = 'pending'",
        )
        .await
        .unwrap();
    enqueue_all(&tenant, &[new_job(2)]).await;
    let again = claim(&jobs, &tenant, &[kind()], 2).await;
    let (first, second) = (again[0].run, again[1].run);
    assert_eq!(first.job, stale.job);
    let runs = [stale, second].map(|run| CompletedRun { run, result: None });
    assert_eq!(complete_jobs(&tenant, &runs).await.unwrap(), [stale]);
    complete_job(&tenant, first, json!({})).await.unwrap();
}

async fn a_look_says_whether_there_is_something_to_do(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    let look = async || {
        let work = waiting_work(&tenant, &[JobKind::Send, kind()])
            .await
            .unwrap();
        (work.claimable, work.expired)
    };
    assert_eq!(look().await, (false, false));
    enqueue_job(&tenant, &new_job(1)).await.unwrap();
    assert_eq!(look().await, (true, false));
    claim(&jobs, &tenant, &[kind()], 1).await;
    assert_eq!(look().await, (false, false));
    jobs.db
        .sql("UPDATE job_runs SET lease_expires_at = '2020-01-01T00:00:00+00:00'")
        .await
        .unwrap();
    assert_eq!(look().await, (false, true));
    let of_nothing = waiting_work(&tenant, &[]).await.unwrap();
    assert_eq!((of_nothing.claimable, of_nothing.expired), (false, true));
}

/// PostgreSQL stores half of a surrogate pair as JSON, which is no text.
async fn a_job_whose_parameters_can_not_be_read_fails_alone(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_all(&tenant, &[new_job(1).priority(-1), new_job(2)]).await;
    let spoil = "UPDATE jobs SET params = '{\"number\": \"\\ud800\"}' WHERE id = \
                 (SELECT job_id FROM job_runs WHERE priority = -1)";
    jobs.db.sql(spoil).await.unwrap();
    let claimed = claim(&jobs, &tenant, &[kind()], 2).await;
    assert_eq!(numbers(&claimed), [2]);
    let failed = "SELECT error_message FROM jobs WHERE status = 'failed'";
    let reason = jobs.db.value(failed).await.unwrap().unwrap();
    assert!(reason.contains("parameters cannot be read"), "{reason}");
    let left = "SELECT count(*) FROM job_runs";
    assert_eq!(jobs.db.count(left).await.unwrap(), 1);
}

/// Others have locked the row of the job that would be first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_a_job_whose_row_is_locked_is_passed_by_and_claimed_later() {
    let jobs = JobDb::postgres().await.unwrap();
    let tenant = tenant(&jobs).await;
    let limited = new_job(1).priority(-1).time_limit(Duration::from_hours(1));
    enqueue_all(&tenant, &[limited, new_job(2)]).await;
    let txn = tenant.begin_transaction("test").await.unwrap();
    let lock = "UPDATE jobs SET updated_at = now() WHERE id = \
                (SELECT job_id FROM job_runs WHERE priority = -1)";
    txn.execute_unprepared(lock).await.unwrap();
    let claimed = claim(&jobs, &tenant, &[kind()], 2).await;
    assert_eq!(numbers(&claimed), [2]);
    safe_commit(txn, "test").await.unwrap();
    let waits = "SELECT count(*) FROM job_runs WHERE run_at > now() AND attempts = 0 \
                 AND run_token IS NULL AND owner IS NULL AND deadline_at IS NULL";
    assert_eq!(jobs.db.count(waits).await.unwrap(), 1);
    let now = "UPDATE job_runs SET run_at = now() WHERE run_token IS NULL";
    jobs.db.sql(now).await.unwrap();
    let claimed = claim(&jobs, &tenant, &[kind()], 2).await;
    assert_eq!(numbers(&claimed), [1]);
}

/// Somebody has set a start, a deadline and a lease by hand, to times that the
/// driver can't read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_infinite_times_stop_no_claim() {
    let jobs = JobDb::postgres().await.unwrap();
    let tenant = tenant(&jobs).await;
    enqueue_all(
        &tenant,
        &[new_job(1), new_job(2).priority(1), new_job(3).priority(2)],
    )
    .await;
    let by_hand = "UPDATE job_runs SET run_at = '-infinity', deadline_at = 'infinity', \
                   cancel_requested_at = '-infinity' WHERE priority = 1";
    jobs.db.sql(by_hand).await.unwrap();
    let claimed = claim(&jobs, &tenant, &[kind()], 3).await;
    assert_eq!(numbers(&claimed), [1, 2, 3]);
    assert_eq!(claimed[1].time_left, None);
    jobs.db
        .sql("UPDATE job_runs SET lease_expires_at = '-infinity' WHERE priority = 1")
        .await
        .unwrap();
    let released = release_expired(&tenant, strategy(&jobs)).await.unwrap();
    assert_eq!(released.len(), 1);
    let again = claim(&jobs, &tenant, &[kind()], 3).await;
    retry_job(&tenant, again[0].run, "no answer", Duration::ZERO, None)
        .await
        .unwrap();
    let again = claim(&jobs, &tenant, &[kind()], 3).await;
    complete_job(&tenant, again[0].run, json!({}))
        .await
        .unwrap();
}
