//! The end of an attempt, and of a worker, when the database does not take it
//! at once.

use std::{sync::Arc, time::Duration};

use outreach_domain::JobStatus;
use outreach_service::{
    jobs::{
        ClaimRequest, CompletedRun, JobError, RunToken, claim_jobs, complete_jobs, enqueue_job,
        enqueue_jobs_in_txn, find_job,
    },
    transaction::TransactionSource,
    worker::{Completion, WorkerEvent},
};
use outreach_tests::{JobDb, job_tests};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    handlers::{Answering, Endless, LIMIT, kind, new_job, next, worker},
    running::status,
};
use crate::support::{job_id, strategy, tenant};

job_tests! {
    a_worker_that_had_to_give_its_jobs_back_can_run_again,
    a_worker_that_ends_when_it_is_idle_gives_up_a_tenant_that_answers_with_errors,
    a_worker_that_ends_when_it_is_idle_gives_up_a_tenant_whose_jobs_it_may_not_claim,
    a_result_that_the_database_refuses_fails_the_job_with_the_reason,
    a_job_that_was_set_back_keeps_its_row_when_others_complete_with_it,
    of_many_jobs_the_one_that_exists_already_is_named,
}

async fn a_worker_that_had_to_give_its_jobs_back_can_run_again(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_job(&tenant, &new_job(1)).await.unwrap();
    let (endless, mut begun) = Endless::new();
    let worker = worker(&jobs, &tenant)
        .handle(kind(), endless)
        .grace(Duration::ZERO)
        .build()
        .unwrap();
    let worker = Arc::new(worker);
    for _ in 0..2 {
        let shutdown = CancellationToken::new();
        let working = tokio::spawn({
            let (worker, shutdown) = (Arc::clone(&worker), shutdown.clone());
            async move { worker.run(shutdown).await }
        });
        next(&mut begun).await;
        assert!(
            !working.is_finished(),
            "it goes on until it is told to stop"
        );
        shutdown.cancel();
        let report = tokio::time::timeout(LIMIT, working).await.unwrap().unwrap();
        assert_eq!((report.claimed, report.released), (1, 1));
    }
}

async fn a_worker_that_ends_when_it_is_idle_gives_up_a_tenant_that_answers_with_errors(
    jobs: JobDb,
) {
    let tenant = tenant(&jobs).await;
    let worker = worker(&jobs, &tenant)
        .handle(kind(), Answering::done())
        .build()
        .unwrap();
    let rename = "ALTER TABLE job_runs RENAME TO somewhere_else";
    jobs.db.sql(rename).await.unwrap();
    let working = worker.run_until_idle(CancellationToken::new());
    let report = tokio::time::timeout(LIMIT, working).await.unwrap();
    assert_eq!((report.claimed, report.unserved), (0, 1));
}

/// Runs before each UPDATE of a table, as long as the condition holds.
async fn refuse_updates(jobs: &JobDb, table: &str, condition: &str) {
    let statements = match jobs.db.backend() {
        sea_orm::DbBackend::Sqlite => vec![format!(
            "CREATE TRIGGER refusing BEFORE UPDATE ON {table} WHEN {condition} \
             BEGIN SELECT RAISE(ABORT, 'refused by the test'); END"
        )],
        _ => vec![
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN RAISE integrity_constraint_violation USING MESSAGE = ''refused by the test''; \
             END'"
                .to_owned(),
            format!(
                "CREATE TRIGGER refusing BEFORE UPDATE ON {table} FOR EACH ROW \
                 WHEN ({condition}) EXECUTE FUNCTION refuse()"
            ),
        ],
    };
    for statement in statements {
        jobs.db.sql(&statement).await.unwrap();
    }
}

/// A look finds a job each time, which is no success yet.
async fn a_worker_that_ends_when_it_is_idle_gives_up_a_tenant_whose_jobs_it_may_not_claim(
    jobs: JobDb,
) {
    let tenant = tenant(&jobs).await;
    enqueue_job(&tenant, &new_job(1)).await.unwrap();
    refuse_updates(&jobs, "job_runs", "true").await;
    let (told, mut events) = mpsc::unbounded_channel();
    let worker = worker(&jobs, &tenant)
        .handle(kind(), Answering::done())
        .watch(move |event| told.send(event.clone()).unwrap())
        .build()
        .unwrap();
    let working = worker.run_until_idle(CancellationToken::new());
    let report = tokio::time::timeout(LIMIT, working).await.unwrap();
    assert_eq!((report.claimed, report.unserved), (0, 1));
    for _ in 0..3 {
        let event = next(&mut events).await;
        let WorkerEvent::Unreachable { error, .. } = event else {
            panic!("{event:?}");
        };
        assert!(error.contains("refused by the test"), "{error}");
    }
    assert!(events.try_recv().is_err());
}

async fn a_result_that_the_database_refuses_fails_the_job_with_the_reason(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_job(&tenant, &new_job(1)).await.unwrap();
    enqueue_job(&tenant, &new_job(2)).await.unwrap();
    refuse_updates(&jobs, "jobs", "NEW.result IS NOT NULL").await;
    let handler = Answering::new(|job| {
        let result = (job.id() == job_id(1)).then(|| json!({ "done": 1 }));
        Ok(Completion::Done(result))
    });
    let worker = worker(&jobs, &tenant)
        .handle(kind(), handler)
        .build()
        .unwrap();
    let working = worker.run_until_idle(CancellationToken::new());
    let report = tokio::time::timeout(LIMIT, working).await.unwrap();
    assert_eq!((report.completed, report.failed), (1, 1), "{report:?}");
    let failed = find_job(&tenant, job_id(1)).await.unwrap().unwrap();
    assert_eq!((failed.status, failed.result), (JobStatus::Failed, None));
    let reason = failed.error_message.unwrap();
    assert!(reason.contains("the result cannot be stored"), "{reason}");
    assert!(reason.contains("refused by the test"), "{reason}");
    let completed = find_job(&tenant, job_id(2)).await.unwrap().unwrap();
    let is = (completed.status, completed.result);
    assert_eq!(is, (JobStatus::Completed, None));
}

async fn a_job_that_was_set_back_keeps_its_row_when_others_complete_with_it(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    for number in 1..=3 {
        enqueue_job(&tenant, &new_job(number)).await.unwrap();
    }
    let request = ClaimRequest {
        kinds: &[kind()],
        limit: 3,
        owner: "test",
        lease: Duration::from_mins(5),
        strategy: strategy(&jobs),
    };
    let claimed = claim_jobs(&tenant, &request, RunToken::random()).await;
    let completed: Vec<CompletedRun> = claimed
        .unwrap()
        .into_iter()
        .map(|job| CompletedRun {
            run: job.run,
            result: None,
        })
        .collect();
    let second = format!(
        "UPDATE jobs SET status = 'pending' WHERE id = {}",
        match jobs.db.backend() {
            sea_orm::DbBackend::Sqlite => format!("x'{}'", job_id(2).as_uuid().simple()),
            _ => format!("'{}'", job_id(2)),
        }
    );
    jobs.db.sql(&second).await.unwrap();
    let lost = complete_jobs(&tenant, &completed).await.unwrap();
    assert_eq!(lost, [completed[1].run]);
    assert_eq!(
        [
            status(&tenant, 1).await,
            status(&tenant, 2).await,
            status(&tenant, 3).await
        ],
        [
            JobStatus::Completed,
            JobStatus::Pending,
            JobStatus::Completed
        ]
    );
    let left = "SELECT count(*) FROM job_runs";
    assert_eq!(jobs.db.count(left).await.unwrap(), 1);
}

async fn of_many_jobs_the_one_that_exists_already_is_named(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_job(&tenant, &new_job(7)).await.unwrap();
    for twice in [vec![1, 5, 7, 9], vec![1, 7, 2, 7]] {
        let many: Vec<_> = twice.into_iter().map(new_job).collect();
        let mut txn = tenant.begin_transaction("test").await.unwrap();
        let refused = enqueue_jobs_in_txn(&mut txn, &many).await.unwrap_err();
        assert!(
            matches!(refused, JobError::Exists { id } if id == job_id(7)),
            "{refused}"
        );
    }
    let mut txn = tenant.begin_transaction("test").await.unwrap();
    let many = [new_job(1), new_job(2), new_job(1)];
    let refused = enqueue_jobs_in_txn(&mut txn, &many).await.unwrap_err();
    assert!(
        matches!(refused, JobError::Exists { id } if id == job_id(1)),
        "{refused}"
    );
    drop(txn);
    let stored = "SELECT count(*) FROM jobs";
    assert_eq!(jobs.db.count(stored).await.unwrap(), 1);
}
