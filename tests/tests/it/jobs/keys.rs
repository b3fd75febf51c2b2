//! Jobs of one key: one at a time, by the database's word.

use outreach_domain::JobStatus;
use outreach_service::{
    jobs::{
        JobError, NewJob, cancel_job, enqueue_job, enqueue_job_in_txn, enqueue_jobs_in_txn,
        find_job,
    },
    transaction::{TransactionSource, safe_commit},
};
use outreach_tests::{JobDb, job_tests};

use super::handlers::new_job;
use crate::support::{job_id, request, tenant};

job_tests! {
    f31_a_second_discovery_is_refused_with_the_id_of_the_first,
    f31_of_many_at_the_same_moment_one_is_enqueued,
    f31_a_refused_job_leaves_nothing_behind_in_a_transaction_that_goes_on,
    a_key_is_free_again_when_its_job_has_ended,
    a_key_is_free_when_the_other_backend_has_ended_its_job,
    jobs_of_other_keys_and_of_none_are_not_in_the_way,
    many_jobs_are_enqueued_together,
}

async fn f31_a_second_discovery_is_refused_with_the_id_of_the_first(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    let first = NewJob::discover(job_id(1), &request("a", 10));
    enqueue_job(&tenant, &first).await.unwrap();
    let second = NewJob::discover(job_id(2), &request("b", 10));
    let error = enqueue_job(&tenant, &second).await.unwrap_err();
    let JobError::Conflict { id, other, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!((*id, *other), (job_id(2), job_id(1)));
    assert!(
        error.to_string().contains(&job_id(1).to_string()),
        "{error}"
    );
    assert_eq!(find_job(&tenant, job_id(2)).await.unwrap(), None);
    // The policy is a default.
    enqueue_job(&tenant, &second.allow_concurrent())
        .await
        .unwrap();
}

async fn f31_of_many_at_the_same_moment_one_is_enqueued(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    for round in 0..5 {
        let enqueueing: Vec<_> = (0..6)
            .map(|number| {
                let tenant = tenant.clone();
                let job = new_job(round * 10 + number).unique_key("one");
                tokio::spawn(async move { (job.id, enqueue_job(&tenant, &job).await) })
            })
            .collect();
        let mut enqueued = Vec::new();
        let mut conflicts = Vec::new();
        for task in enqueueing {
            match task.await.unwrap() {
                (id, Ok(())) => enqueued.push(id),
                (_, Err(JobError::Conflict { other, .. })) => conflicts.push(other),
                (_, Err(error)) => panic!("{error:?}"),
            }
        }
        assert_eq!(enqueued.len(), 1);
        assert_eq!(conflicts, vec![enqueued[0]; 5]);
        cancel_job(&tenant, enqueued[0]).await.unwrap();
    }
}

async fn f31_a_refused_job_leaves_nothing_behind_in_a_transaction_that_goes_on(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_job(&tenant, &new_job(1).unique_key("one"))
        .await
        .unwrap();
    let mut txn = tenant.begin_transaction("test").await.unwrap();
    let refused = enqueue_job_in_txn(&mut txn, &new_job(2).unique_key("one")).await;
    assert!(
        matches!(refused, Err(JobError::Conflict { .. })),
        "{refused:?}"
    );
    enqueue_job_in_txn(&mut txn, &new_job(3)).await.unwrap();
    safe_commit(txn, "test").await.unwrap();
    assert_eq!(find_job(&tenant, job_id(2)).await.unwrap(), None);
    let third = find_job(&tenant, job_id(3)).await.unwrap().unwrap();
    assert_eq!(third.status, JobStatus::Pending);
}

async fn a_key_is_free_again_when_its_job_has_ended(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    for number in 1..4 {
        let job = new_job(number).unique_key("one");
        enqueue_job(&tenant, &job).await.unwrap();
        cancel_job(&tenant, job.id).await.unwrap();
    }
}

async fn a_key_is_free_when_the_other_backend_has_ended_its_job(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_job(&tenant, &new_job(1).unique_key("one"))
        .await
        .unwrap();
    jobs.db
        .sql("UPDATE jobs SET status = 'cancelled'")
        .await
        .unwrap();
    enqueue_job(&tenant, &new_job(2).unique_key("one"))
        .await
        .unwrap();
}

async fn jobs_of_other_keys_and_of_none_are_not_in_the_way(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    for job in [
        new_job(1).unique_key("one"),
        new_job(2).unique_key("two"),
        new_job(3),
        new_job(4),
    ] {
        enqueue_job(&tenant, &job).await.unwrap();
    }
}

async fn many_jobs_are_enqueued_together(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    let many: Vec<NewJob> = (0..1203).map(new_job).collect();
    let mut txn = tenant.begin_transaction("test").await.unwrap();
    enqueue_jobs_in_txn(&mut txn, &many).await.unwrap();
    safe_commit(txn, "test").await.unwrap();
    let both = "SELECT count(*) FROM jobs JOIN job_runs ON job_runs.job_id = jobs.id \
                WHERE jobs.status = 'pending' AND jobs.job_type = job_runs.job_type";
    assert_eq!(jobs.db.count(both).await.unwrap(), 1203);
}
