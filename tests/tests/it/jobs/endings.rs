//! The end of an attempt, and of a worker, when the database does not take it
//! at once.

use std::{sync::Arc, time::Duration};

use outreach_domain::JobStatus;
use outreach_service::{
    connect::{DatabaseOptions, Tenant, connect_tenant},
    jobs::{
        ClaimRequest, ClaimStrategy, CompletedRun, JobError, RunToken, cancel_job, claim_jobs,
        complete_jobs, enqueue_job, enqueue_jobs_in_txn, find_job, record_progress_in_txn,
    },
    transaction::TransactionSource,
    worker::{AttemptEnd, Completion, Worker, WorkerEvent, WorkerReport},
};
use outreach_tests::{Fault, JobDb, Proxy, Strategy, TestDb, job_tests};
use sea_orm::ConnectionTrait;
use serde_json::json;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::handlers::{Answering, Endless, LIMIT, Waiting, kind, new_job, next, worker};
use crate::support::{job_id, strategy, tenant};

job_tests! {
    a_worker_that_had_to_give_its_jobs_back_can_run_again,
    a_worker_that_ends_when_it_is_idle_gives_up_a_tenant_that_answers_with_errors,
    a_worker_that_ends_when_it_is_idle_gives_up_a_tenant_whose_jobs_it_may_not_claim,
    a_result_that_the_database_refuses_fails_the_job_with_the_reason,
    a_job_that_was_set_back_keeps_its_row_when_others_complete_with_it,
    of_many_jobs_the_one_that_exists_already_is_named,
}

async fn status(tenant: &Tenant, number: u64) -> JobStatus {
    find_job(tenant, job_id(number))
        .await
        .unwrap()
        .unwrap()
        .status
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

/// A PostgreSQL database, and a worker that reaches it through a proxy.
struct Proxied {
    jobs: JobDb,
    direct: Tenant,
    behind_proxy: Tenant,
    proxy: Arc<Proxy>,
}

async fn proxied() -> Proxied {
    let db = TestDb::postgres().await.unwrap();
    let proxy = Proxy::start(db.url()).await.unwrap();
    let options = DatabaseOptions::new(&proxy.url(db.url()).unwrap()).unwrap();
    let jobs = JobDb {
        db,
        strategy: Strategy::Default,
    };
    Proxied {
        direct: tenant(&jobs).await,
        behind_proxy: connect_tenant(&options).await.unwrap(),
        proxy: Arc::new(proxy),
        jobs,
    }
}

type Ends = mpsc::UnboundedReceiver<AttemptEnd>;

fn work(
    builder: outreach_service::worker::WorkerBuilder,
) -> (CancellationToken, JoinHandle<WorkerReport>, Ends) {
    let (ended, ends) = mpsc::unbounded_channel();
    let worker: Worker = builder
        .watch(move |event| {
            if let WorkerEvent::Ended { end, .. } = event {
                // Whoever does not look at it has dropped the other side.
                let _ = ended.send(end.clone());
            }
        })
        .build()
        .unwrap();
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    let working = tokio::spawn(async move { worker.run(token).await });
    (shutdown, working, ends)
}

async fn stop(shutdown: CancellationToken, working: JoinHandle<WorkerReport>) -> WorkerReport {
    shutdown.cancel();
    tokio::time::timeout(LIMIT, working).await.unwrap().unwrap()
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = tokio::time::Instant::now() + LIMIT;
    while !is_so().await {
        assert!(tokio::time::Instant::now() < end, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_a_completion_whose_reply_was_lost_is_not_made_again() {
    let place = proxied().await;
    enqueue_job(&place.direct, &new_job(1)).await.unwrap();
    let proxy = Arc::clone(&place.proxy);
    let handler = Answering::new(move |_| {
        proxy.set_fault(Fault::SwallowReplyToWrites);
        Ok(Completion::Done(Some(json!({ "once": true }))))
    });
    let builder = worker(&place.jobs, &place.behind_proxy).handle(kind(), handler.clone());
    let (shutdown, working, mut ends) = work(builder);
    assert_eq!(next(&mut ends).await, AttemptEnd::Completed);
    place.proxy.wait_for_faults(1).await.unwrap();
    let report = stop(shutdown, working).await;
    assert_eq!((report.claimed, report.completed), (1, 1));
    assert_eq!(handler.attempts()[&job_id(1)], 1);
    assert_eq!(status(&place.direct, 1).await, JobStatus::Completed);
}

/// The signal comes while the claim is under way, and its answer after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_what_a_claim_brings_after_the_signal_is_given_back_and_not_begun() {
    let place = proxied().await;
    let handler = Answering::done();
    let builder = worker(&place.jobs, &place.behind_proxy)
        .handle(kind(), handler.clone())
        .strategy(ClaimStrategy::Portable)
        .grace(LIMIT);
    // Its claim will wait for this row.
    let mut txn = place.direct.begin_transaction("test").await.unwrap();
    enqueue_job(&place.direct, &new_job(1)).await.unwrap();
    lock_job(&mut txn).await;
    let (shutdown, working, _ends) = work(builder);
    until("no claim waits for the row", async || {
        waits(&place.jobs).await
    })
    .await;
    shutdown.cancel();
    drop(txn);
    let report = tokio::time::timeout(LIMIT, working).await.unwrap().unwrap();
    assert_eq!((report.claimed, report.released), (1, 1), "{report:?}");
    assert!(handler.attempts().is_empty());
    assert_eq!(status(&place.direct, 1).await, JobStatus::Pending);
    let held = "SELECT count(*) FROM job_runs WHERE run_token IS NOT NULL OR attempts > 0";
    assert_eq!(place.jobs.db.count(held).await.unwrap(), 0);
}

async fn lock_job(txn: &mut outreach_service::transaction::Transaction<'_>) {
    txn.execute_unprepared("SELECT 1 FROM jobs FOR UPDATE")
        .await
        .unwrap();
}

async fn waits(jobs: &JobDb) -> bool {
    let waits = "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
    jobs.db.count(waits).await.unwrap() > 0
}

/// The row of the job is locked for longer than a transaction is tried again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_an_end_that_can_not_be_written_is_tried_for_as_long_as_the_lease_is_held() {
    let place = proxied().await;
    enqueue_job(&place.direct, &new_job(1)).await.unwrap();
    let (handler, mut begun, may_end) = Waiting::new();
    let builder = worker(&place.jobs, &place.behind_proxy)
        .handle(kind(), handler)
        .lease(Duration::from_millis(600));
    let (shutdown, working, mut ends) = work(builder);
    next(&mut begun).await;
    let mut txn = place.direct.begin_transaction("test").await.unwrap();
    lock_job(&mut txn).await;
    place.proxy.clear_statements();
    may_end.send(true).unwrap();
    let tries = || {
        let sent = place.proxy.statements();
        let is_try = |sql: &&String| sql.starts_with(r#"UPDATE "jobs" SET "status""#);
        sent.iter().filter(is_try).count()
    };
    // Twice with others, and eight times by itself.
    until("it gives up", async || tries() > 2 + 8).await;
    drop(txn);
    assert_eq!(next(&mut ends).await, AttemptEnd::Completed);
    let report = stop(shutdown, working).await;
    assert_eq!((report.claimed, report.completed), (1, 1), "{report:?}");
}

/// Neither the job nor its lease can be written to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_an_end_is_not_written_after_the_lease() {
    let place = proxied().await;
    enqueue_job(&place.direct, &new_job(1)).await.unwrap();
    let (handler, mut begun, may_end) = Waiting::new();
    let builder = worker(&place.jobs, &place.behind_proxy)
        .handle(kind(), handler)
        .lease(Duration::from_millis(600));
    let (shutdown, working, mut ends) = work(builder);
    next(&mut begun).await;
    let mut txn = place.direct.begin_transaction("test").await.unwrap();
    lock_job(&mut txn).await;
    txn.execute_unprepared("SELECT 1 FROM job_runs FOR UPDATE")
        .await
        .unwrap();
    may_end.send(true).unwrap();
    let end = next(&mut ends).await;
    assert!(matches!(end, AttemptEnd::Unrecorded { .. }), "{end:?}");
    drop(txn);
    stop(shutdown, working).await;
}

/// As a process does that is stopped in the middle of a transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_a_transaction_that_nobody_goes_on_with_holds_its_job_no_longer_than_the_lease() {
    let place = proxied().await;
    enqueue_job(&place.direct, &new_job(1)).await.unwrap();
    let (endless, mut begun) = Endless::new();
    let builder = worker(&place.jobs, &place.behind_proxy)
        .handle(kind(), endless)
        .lease(Duration::from_millis(600));
    let (shutdown, working, mut ends) = work(builder);
    let context = next(&mut begun).await;
    let mut txn = context.tenant().begin_transaction("test").await.unwrap();
    record_progress_in_txn(&mut txn, context.run(), json!({}))
        .await
        .unwrap();
    let cancelling = cancel_job(&place.direct, job_id(1));
    tokio::time::timeout(LIMIT, cancelling)
        .await
        .unwrap()
        .unwrap();
    // Which of the two it notices first is chance.
    let end = next(&mut ends).await;
    let is_over = matches!(end, AttemptEnd::Lost | AttemptEnd::Unrecorded { .. });
    assert!(is_over, "{end:?}");
    assert_eq!(status(&place.direct, 1).await, JobStatus::Cancelled);
    let error = txn.execute_unprepared("SELECT 1").await.unwrap_err();
    assert!(outreach_service::sql::is_unreachable(&error), "{error}");
    drop(txn);
    stop(shutdown, working).await;
}

/// Nobody says that the connection is dead: nothing comes back on it, while
/// heartbeats go on over others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_an_answer_that_never_comes_is_not_waited_for() {
    for silenced in ["claim", "completion"] {
        let place = proxied().await;
        enqueue_job(&place.direct, &new_job(1).max_attempts(1))
            .await
            .unwrap();
        let proxy = Arc::clone(&place.proxy);
        let handler = Answering::new(move |_| {
            if silenced == "completion" {
                proxy.set_fault(Fault::SilenceAfterWrites);
            }
            Ok(Completion::Done(None))
        });
        if silenced == "claim" {
            place.proxy.set_fault(Fault::SilenceAfterWrites);
        }
        let builder = worker(&place.jobs, &place.behind_proxy)
            .handle(kind(), handler.clone())
            .lease(Duration::from_secs(5));
        let (shutdown, working, mut ends) = work(builder);
        assert_eq!(next(&mut ends).await, AttemptEnd::Completed, "{silenced}");
        assert_eq!(place.proxy.faults_fired(), 1);
        assert_eq!(status(&place.direct, 1).await, JobStatus::Completed);
        assert_eq!(handler.attempts()[&job_id(1)], 1);
        stop(shutdown, working).await;
    }
}

/// The disk is full for a while; what the attempt did is not done again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_an_end_that_finds_the_disk_full_is_written_later() {
    let place = proxied().await;
    enqueue_job(&place.direct, &new_job(1).max_attempts(1))
        .await
        .unwrap();
    // A sequence counts on when the transaction rolls back.
    for statement in [
        "CREATE SEQUENCE tries",
        "CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN IF nextval(''tries'') < 4 THEN RAISE disk_full; END IF; RETURN NEW; END'",
        "CREATE TRIGGER full_disk BEFORE UPDATE ON jobs FOR EACH ROW \
         WHEN (NEW.status = 'completed') EXECUTE FUNCTION fill()",
    ] {
        place.jobs.db.sql(statement).await.unwrap();
    }
    let handler = Answering::done();
    let builder = worker(&place.jobs, &place.behind_proxy).handle(kind(), handler.clone());
    let (shutdown, working, mut ends) = work(builder);
    assert_eq!(next(&mut ends).await, AttemptEnd::Completed);
    assert_eq!(handler.attempts()[&job_id(1)], 1);
    stop(shutdown, working).await;
}
