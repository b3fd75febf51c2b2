//! Workers: many at once, stopping, and a database that goes away.

use std::time::Duration;

use outreach_domain::JobStatus;
use outreach_service::{
    connect::Tenant,
    jobs::{JobFilter, NewJob, count_jobs, enqueue_job, enqueue_jobs_in_txn},
    transaction::{TransactionSource, safe_commit},
    worker::{Completion, WorkerError, WorkerEvent, WorkerReport},
};
use outreach_tests::{JobDb, PostgresServer, Strategy, TestDb, job_tests};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    handlers::{Answering, Endless, LIMIT, kind, new_job, next, worker},
    running::status,
};
use crate::support::{job_id, tenant};

job_tests! {
    many_workers_run_each_job_once,
    f29_a_dead_worker_s_job_goes_on_after_its_lease_without_anyone_acting,
    a_shutdown_lets_a_job_end_that_does_so_in_time,
    a_shutdown_gives_back_what_does_not_end_in_time,
    an_idle_worker_does_not_wait_for_jobs_that_start_later,
    a_worker_that_could_do_nothing_is_refused,
}

fn work(worker: outreach_service::worker::Worker) -> (CancellationToken, JoinHandle<WorkerReport>) {
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    (
        shutdown,
        tokio::spawn(async move { worker.run(token).await }),
    )
}

async fn stop(shutdown: CancellationToken, working: JoinHandle<WorkerReport>) -> WorkerReport {
    shutdown.cancel();
    tokio::time::timeout(LIMIT, working).await.unwrap().unwrap()
}

async fn many_workers_run_each_job_once(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    let all: Vec<NewJob> = (0..200).map(new_job).collect();
    let mut txn = tenant.begin_transaction("test").await.unwrap();
    enqueue_jobs_in_txn(&mut txn, &all).await.unwrap();
    safe_commit(txn, "test").await.unwrap();
    let handler = Answering::done();
    let working: Vec<_> = (0..4)
        .map(|_| {
            let worker = worker(&jobs, &tenant)
                .handle(kind(), handler.clone())
                .concurrency(5)
                .build()
                .unwrap();
            tokio::spawn(async move { worker.run_until_idle(CancellationToken::new()).await })
        })
        .collect();
    let mut completed = 0;
    for worker in working {
        let report = tokio::time::timeout(LIMIT, worker).await.unwrap().unwrap();
        assert_eq!(report.claimed, report.completed, "{report:?}");
        completed += report.completed;
    }
    assert_eq!(completed, 200);
    let attempts = handler.attempts();
    assert_eq!(attempts.len(), 200);
    assert!(attempts.values().all(|attempts| *attempts == 1));
    let done = JobFilter {
        status: Some(JobStatus::Completed),
        ..JobFilter::default()
    };
    assert_eq!(count_jobs(&tenant, &done).await.unwrap(), 200);
}

/// A task that is aborted sends no heartbeat and gives nothing back, as a
/// process that was killed.
async fn f29_a_dead_worker_s_job_goes_on_after_its_lease_without_anyone_acting(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_job(&tenant, &new_job(1)).await.unwrap();
    let (endless, mut begun) = Endless::new();
    let dead = worker(&jobs, &tenant)
        .handle(kind(), endless)
        .lease(Duration::from_secs(1))
        .build()
        .unwrap();
    let (_, dying) = work(dead);
    next(&mut begun).await;
    dying.abort();
    assert!(dying.await.unwrap_err().is_cancelled());
    let handler = Answering::done();
    let (expired, mut expirations) = mpsc::unbounded_channel();
    let alive = worker(&jobs, &tenant)
        .handle(kind(), handler.clone())
        .watch(move |event| {
            if let WorkerEvent::Ended { job, .. } = event {
                expired.send(*job).unwrap();
            }
        })
        .build()
        .unwrap();
    let (shutdown, working) = work(alive);
    assert_eq!(next(&mut expirations).await, job_id(1));
    stop(shutdown, working).await;
    assert_eq!(status(&tenant, 1).await, JobStatus::Completed);
    assert_eq!(handler.attempts()[&job_id(1)], 1);
}

async fn a_shutdown_lets_a_job_end_that_does_so_in_time(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    enqueue_job(&tenant, &new_job(1)).await.unwrap();
    let (endless, mut begun) = Endless::new();
    let (shutdown, working) = work(
        worker(&jobs, &tenant)
            .handle(kind(), endless)
            .grace(LIMIT)
            .lease(Duration::from_millis(600))
            .build()
            .unwrap(),
    );
    next(&mut begun).await;
    shutdown.cancel();
    // Heartbeats go on; the job is ended by what cancels it.
    outreach_service::jobs::cancel_job(&tenant, job_id(1))
        .await
        .unwrap();
    let report = stop(shutdown, working).await;
    assert_eq!((report.claimed, report.lost, report.released), (1, 1, 0));
}

async fn a_shutdown_gives_back_what_does_not_end_in_time(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    for number in 1..=3 {
        enqueue_job(&tenant, &new_job(number)).await.unwrap();
    }
    let (endless, mut begun) = Endless::new();
    let (shutdown, working) = work(
        worker(&jobs, &tenant)
            .handle(kind(), endless)
            .grace(Duration::ZERO)
            .build()
            .unwrap(),
    );
    for _ in 0..3 {
        next(&mut begun).await;
    }
    let report = stop(shutdown, working).await;
    assert_eq!((report.claimed, report.released), (3, 3));
    let held = "SELECT count(*) FROM job_runs WHERE run_token IS NOT NULL OR attempts > 0";
    assert_eq!(jobs.db.count(held).await.unwrap(), 0);
    for number in 1..=3 {
        assert_eq!(status(&tenant, number).await, JobStatus::Pending);
    }
}

async fn an_idle_worker_does_not_wait_for_jobs_that_start_later(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    let later = outreach_service::jobs::StartAt::After(Duration::from_hours(1));
    enqueue_job(&tenant, &new_job(1).start(later))
        .await
        .unwrap();
    enqueue_job(&tenant, &new_job(2)).await.unwrap();
    let worker = worker(&jobs, &tenant)
        .handle(kind(), Answering::done())
        .build()
        .unwrap();
    let working = worker.run_until_idle(CancellationToken::new());
    let report = tokio::time::timeout(LIMIT, working).await.unwrap();
    assert_eq!((report.claimed, report.completed), (1, 1));
}

async fn a_worker_that_could_do_nothing_is_refused(jobs: JobDb) {
    let tenant = tenant(&jobs).await;
    let refused = worker(&jobs, &tenant).build().unwrap_err();
    assert_eq!(refused, WorkerError::NoHandler);
    let short = worker(&jobs, &tenant)
        .handle(kind(), Answering::done())
        .lease(Duration::from_millis(1));
    assert!(matches!(short.build(), Err(WorkerError::LeaseTooShort(_))));
    let twice = worker(&jobs, &tenant)
        .handle(kind(), Answering::done())
        .tenant(tenant.clone());
    let refused = twice.build().unwrap_err();
    assert!(
        matches!(refused, WorkerError::TenantTwice(None)),
        "{refused}"
    );
}

async fn postgres(db: TestDb) -> (JobDb, Tenant) {
    let jobs = JobDb {
        db,
        strategy: Strategy::Default,
    };
    let tenant = tenant(&jobs).await;
    (jobs, tenant)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f44_a_worker_waits_for_a_server_that_went_away() {
    let server = PostgresServer::start().await.unwrap();
    let (jobs, tenant) = postgres(TestDb::postgres_on(&server).await.unwrap()).await;
    let (told, mut unreachable) = mpsc::unbounded_channel();
    let (ended, mut ends) = mpsc::unbounded_channel();
    let worker = worker(&jobs, &tenant)
        .handle(kind(), Answering::done())
        .watch(move |event| match event {
            WorkerEvent::Unreachable { error, .. } => told.send(error.clone()).unwrap(),
            WorkerEvent::Ended { end, .. } => ended.send(end.clone()).unwrap(),
            _ => {}
        })
        .build()
        .unwrap();
    let (shutdown, working) = work(worker);
    enqueue_job(&tenant, &new_job(1)).await.unwrap();
    next(&mut ends).await;
    server.stop_immediate().unwrap();
    for _ in 0..3 {
        next(&mut unreachable).await;
    }
    server.start_again().unwrap();
    enqueue_job(&tenant, &new_job(2)).await.unwrap();
    next(&mut ends).await;
    let report = stop(shutdown, working).await;
    assert_eq!(report.completed, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_listens_is_woken_long_before_its_poll() {
    let (jobs, tenant) = postgres(TestDb::postgres().await.unwrap()).await;
    let (ended, mut ends) = mpsc::unbounded_channel();
    let worker = worker(&jobs, &tenant)
        .handle(kind(), Answering::new(|_| Ok(Completion::Done(None))))
        .poll_interval(Duration::from_hours(10))
        .listen(true)
        .watch(move |event| {
            if let WorkerEvent::Ended { end, .. } = event {
                ended.send(end.clone()).unwrap();
            }
        })
        .build()
        .unwrap();
    let (shutdown, working) = work(worker);
    let listening = "SELECT count(*) FROM pg_stat_activity \
                     WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    let until = tokio::time::Instant::now() + LIMIT;
    while jobs.db.count(listening).await.unwrap() == 0 {
        assert!(tokio::time::Instant::now() < until, "nobody listens");
    }
    for number in 1..=3 {
        enqueue_job(&tenant, &new_job(number)).await.unwrap();
        next(&mut ends).await;
    }
    assert_eq!(stop(shutdown, working).await.completed, 3);
}
