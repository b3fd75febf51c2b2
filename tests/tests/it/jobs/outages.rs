//! A database that answers late, never, or with an error, while a worker has
//! something to say to it.

use std::{sync::Arc, time::Duration};

use outreach_domain::JobStatus;
use outreach_service::{
    jobs::{ClaimStrategy, cancel_job, enqueue_job, record_progress_in_txn},
    transaction::TransactionSource,
    worker::{AttemptEnd, Completion, WorkerEvent},
};
use outreach_tests::Fault;
use sea_orm::ConnectionTrait;
use serde_json::json;

use super::{
    handlers::{Answering, Endless, LIMIT, Waiting, kind, new_job, next, worker},
    running::{Running, proxied, status, until, waits},
};
use crate::support::job_id;

/// The reply to the claim's COMMIT is lost: the jobs are this worker's and it
/// does not know. It gives them back with its next look, long before the lease
/// ends, and the attempt does not count.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_what_a_claim_took_whose_reply_was_lost_is_given_back_and_done() {
    let place = proxied().await;
    let once = new_job(1).max_attempts(1);
    enqueue_job(&place.direct, &once).await.unwrap();
    place.proxy.set_fault(Fault::SwallowReplyToWrites);
    let builder = worker(&place.jobs, &place.behind_proxy)
        .handle(kind(), Answering::done())
        .lease(Duration::from_mins(10));
    let mut running = Running::start(builder);
    place.proxy.wait_for_faults(1).await.unwrap();
    let attempt = running.next(|event| match event {
        WorkerEvent::Claimed { attempt, .. } => Some(attempt),
        _ => None,
    });
    assert_eq!(attempt.await, 1);
    let report = running.stop().await;
    assert_eq!((report.claimed, report.completed), (1, 1), "{report:?}");
}

/// And none is held when the worker stops before it has looked again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_a_claim_whose_reply_was_lost_holds_its_jobs_no_longer_than_the_worker_lives() {
    let place = proxied().await;
    enqueue_job(&place.direct, &new_job(1)).await.unwrap();
    place.proxy.set_fault(Fault::SwallowReplyToWrites);
    let builder = worker(&place.jobs, &place.behind_proxy)
        .handle(kind(), Answering::done())
        .lease(Duration::from_mins(10))
        .poll_interval(Duration::from_hours(1));
    let mut running = Running::start(builder);
    let unreachable = running.next(|event| match event {
        WorkerEvent::Unreachable { .. } => Some(()),
        _ => None,
    });
    unreachable.await;
    let claimed = "SELECT count(*) FROM job_runs WHERE run_token IS NOT NULL";
    assert_eq!(place.jobs.db.count(claimed).await.unwrap(), 1);
    let report = running.stop().await;
    assert_eq!(report.released, 1, "{report:?}");
    assert_eq!(place.jobs.db.count(claimed).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_a_failing_heartbeat_stops_a_job_before_another_worker_has_it() {
    let place = proxied().await;
    let (endless, mut begun) = Endless::new();
    let builder = worker(&place.jobs, &place.behind_proxy)
        .handle(kind(), endless)
        .lease(Duration::from_secs(1));
    enqueue_job(&place.direct, &new_job(1)).await.unwrap();
    let mut running = Running::start(builder);
    next(&mut begun).await;
    place.proxy.set_fault(Fault::Stall);
    let end = running.end().await;
    assert!(matches!(end, AttemptEnd::Unrecorded { .. }), "{end:?}");
    running.working.abort();
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
    let mut running = Running::start(builder);
    assert_eq!(running.end().await, AttemptEnd::Completed);
    place.proxy.wait_for_faults(1).await.unwrap();
    let report = running.stop().await;
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
    let running = Running::start(builder);
    until("no claim waits for the row", async || {
        waits(&place.jobs).await
    })
    .await;
    running.shutdown.cancel();
    drop(txn);
    let report = running.stop().await;
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

/// The row of the job is locked for longer than a transaction is tried again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_an_end_that_can_not_be_written_is_tried_for_as_long_as_the_lease_is_held() {
    let place = proxied().await;
    enqueue_job(&place.direct, &new_job(1)).await.unwrap();
    let (handler, mut begun, may_end) = Waiting::new();
    let builder = worker(&place.jobs, &place.behind_proxy)
        .handle(kind(), handler)
        .lease(Duration::from_millis(600));
    let mut running = Running::start(builder);
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
    assert_eq!(running.end().await, AttemptEnd::Completed);
    let report = running.stop().await;
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
    let mut running = Running::start(builder);
    next(&mut begun).await;
    let mut txn = place.direct.begin_transaction("test").await.unwrap();
    lock_job(&mut txn).await;
    txn.execute_unprepared("SELECT 1 FROM job_runs FOR UPDATE")
        .await
        .unwrap();
    may_end.send(true).unwrap();
    let end = running.end().await;
    assert!(matches!(end, AttemptEnd::Unrecorded { .. }), "{end:?}");
    drop(txn);
    running.stop().await;
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
    let mut running = Running::start(builder);
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
    let end = running.end().await;
    let is_over = matches!(end, AttemptEnd::Lost | AttemptEnd::Unrecorded { .. });
    assert!(is_over, "{end:?}");
    assert_eq!(status(&place.direct, 1).await, JobStatus::Cancelled);
    let error = txn.execute_unprepared("SELECT 1").await.unwrap_err();
    assert!(outreach_service::sql::is_unreachable(&error), "{error}");
    drop(txn);
    running.stop().await;
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
        let mut running = Running::start(builder);
        assert_eq!(running.end().await, AttemptEnd::Completed, "{silenced}");
        assert_eq!(place.proxy.faults_fired(), 1);
        assert_eq!(status(&place.direct, 1).await, JobStatus::Completed);
        assert_eq!(handler.attempts()[&job_id(1)], 1);
        running.stop().await;
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
    let mut running = Running::start(builder);
    assert_eq!(running.end().await, AttemptEnd::Completed);
    assert_eq!(handler.attempts()[&job_id(1)], 1);
    running.stop().await;
}
