//! Several tenants' schemas in one database, served by one worker over one
//! pool.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use outreach_domain::JobId;
use outreach_migration::Migrator;
use outreach_service::{
    connect::{DatabaseOptions, Tenant, connect_tenant, open},
    discovery::DiscoveryHandler,
    jobs::{NewJob, enqueue_job, enqueue_jobs_in_txn, find_job},
    transaction::{TransactionSource, safe_commit},
    worker::{Completion, Worker, WorkerEvent},
};
use outreach_tests::TestDb;
use sea_orm::{ConnectionTrait, DatabaseConnection, EntityTrait, TransactionTrait};
use sea_orm_migration::MigratorTrait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::handlers::{Answering, LIMIT, Waiting, kind, new_job, next};
use crate::support::{Search, job_id, request};

/// In which schema a job was claimed, and when.
type Claims = HashMap<JobId, (Option<String>, Instant)>;

const SCHEMAS: [&str; 3] = ["acme", "Ümlaut \"quoted\"", "zeta"];

async fn migrated<S: AsRef<str>>(db: &TestDb, schemas: &[S]) -> DatabaseConnection {
    for schema in schemas {
        let schema = schema.as_ref();
        let options = DatabaseOptions::new(db.url()).unwrap().schema(schema);
        let own = open(&options).await.unwrap();
        Migrator::up(&own, None).await.unwrap();
        own.close().await.unwrap();
    }
    open(&DatabaseOptions::new(db.url()).unwrap())
        .await
        .unwrap()
}

fn tenants(pool: &DatabaseConnection) -> Vec<Tenant> {
    SCHEMAS
        .iter()
        .map(|schema| Tenant::schema(pool.clone(), schema))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_with_many_jobs_does_not_keep_the_others_waiting() {
    let db = TestDb::empty_postgres().await.unwrap();
    let pool = migrated(&db, &SCHEMAS).await;
    let tenants = tenants(&pool);
    let many: Vec<NewJob> = (100..10_100).map(new_job).collect();
    let mut txn = tenants[0].begin_transaction("test").await.unwrap();
    enqueue_jobs_in_txn(&mut txn, &many).await.unwrap();
    safe_commit(txn, "test").await.unwrap();
    let claims: Arc<Mutex<Claims>> = Arc::default();
    let (first, mut started) = mpsc::unbounded_channel();
    let watch = Arc::clone(&claims);
    let worker = Worker::builder_for(tenants.clone())
        .handle(kind(), Answering::new(|_| Ok(Completion::Done(None))))
        .concurrency(4)
        .poll_interval(Duration::from_millis(500))
        .seed(7)
        .watch(move |event| {
            if let WorkerEvent::Claimed { job, schema, .. } = event {
                let claim = (schema.clone(), Instant::now());
                watch.lock().unwrap().insert(*job, claim);
                let _ = first.send(schema.clone());
            }
        })
        .build()
        .unwrap();
    let shutdown = CancellationToken::new();
    let working = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { worker.run(shutdown).await }
    });
    // The worker is in the middle of the first tenant's jobs.
    for _ in 0..20 {
        next(&mut started).await;
    }
    let mut waits = Vec::new();
    for (number, tenant) in [(1, &tenants[1]), (2, &tenants[2])] {
        let enqueued = Instant::now();
        enqueue_job(tenant, &new_job(number)).await.unwrap();
        while !claims.lock().unwrap().contains_key(&job_id(number)) {
            next(&mut started).await;
        }
        let (schema, claimed) = claims.lock().unwrap()[&job_id(number)].clone();
        assert_eq!(schema.as_deref(), tenant.schema_name());
        waits.push(claimed.duration_since(enqueued));
    }
    let unfinished = claims.lock().unwrap().len() < 10_000;
    shutdown.cancel();
    tokio::time::timeout(LIMIT, working).await.unwrap().unwrap();
    assert!(unfinished, "the first tenant's jobs were all begun before");
    // Its turn comes with the next poll, at most 0.625 seconds later, whatever
    // the others have.
    let longest = Duration::from_secs(1);
    assert!(waits.iter().all(|wait| *wait < longest), "{waits:?}");
}

/// One more than are looked at at the same time, all of them due each time that there
/// is room for a job.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_many_tenants_has_its_turn_however_few_jobs_there_is_room_for() {
    const EACH: usize = 20;
    let db = TestDb::empty_postgres().await.unwrap();
    let schemas: Vec<String> = (0..5).map(|number| format!("tenant_{number}")).collect();
    let pool = migrated(&db, &schemas).await;
    let tenants: Vec<Tenant> = schemas
        .iter()
        .map(|schema| Tenant::schema(pool.clone(), schema))
        .collect();
    for tenant in &tenants {
        let mut txn = tenant.begin_transaction("test").await.unwrap();
        let jobs: Vec<NewJob> = (0..EACH as u64).map(new_job).collect();
        enqueue_jobs_in_txn(&mut txn, &jobs).await.unwrap();
        safe_commit(txn, "test").await.unwrap();
    }
    let order: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
    let watch = Arc::clone(&order);
    let worker = Worker::builder_for(tenants)
        .handle(kind(), Answering::done())
        .concurrency(1)
        .poll_interval(Duration::from_millis(1))
        .watch(move |event| {
            if let WorkerEvent::Claimed { schema, .. } = event {
                watch.lock().unwrap().push(schema.clone());
            }
        })
        .build()
        .unwrap();
    let working = worker.run_until_idle(CancellationToken::new());
    tokio::time::timeout(LIMIT, working).await.unwrap();
    let order = order.lock().unwrap();
    assert_eq!(order.len(), 5 * EACH);
    // From where all have been looked at, they take turns; the first may have
    // no jobs any more.
    let seen = |claims: &[Option<String>]| {
        let of = |schema: &String| claims.iter().filter(|s| s.as_ref() == Some(schema)).count();
        schemas.iter().map(of).collect::<Vec<usize>>()
    };
    let all = (0..order.len()).find(|end| seen(&order[..*end]).iter().all(|count| *count > 0));
    let from = all.unwrap();
    assert!(from < 3 * EACH, "{order:?}");
    let first = order[0].clone();
    for (schema, count) in schemas.iter().zip(seen(&order[from..from + 24])) {
        let is_fair = (3..=6).contains(&count) || Some(schema) == first.as_ref();
        assert!(is_fair, "{schema}: {count} of 24 in {order:?}");
    }
}

/// Two of the three can't be looked at, and of one of them a job has just ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_whose_tables_are_locked_hold_up_no_other() {
    let db = TestDb::empty_postgres().await.unwrap();
    let pool = migrated(&db, &SCHEMAS).await;
    let tenants = tenants(&pool);
    let (handler, mut begun, may_end) = Waiting::new();
    let (ended, mut ends) = mpsc::unbounded_channel();
    let worker = Worker::builder_for(tenants.clone())
        .handle(kind(), handler)
        .poll_interval(Duration::from_millis(20))
        .concurrency(4)
        .watch(move |event| {
            if let WorkerEvent::Ended { job, .. } = event {
                ended.send(*job).unwrap();
            }
        })
        .build()
        .unwrap();
    enqueue_job(&tenants[0], &new_job(1)).await.unwrap();
    let shutdown = CancellationToken::new();
    let working = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { worker.run(shutdown).await }
    });
    assert_eq!(next(&mut begun).await.id(), job_id(1));
    let locking = db.connect_plain().await.unwrap();
    let lock = locking.begin().await.unwrap();
    for schema in [SCHEMAS[0], SCHEMAS[1]] {
        let schema = schema.replace('"', "\"\"");
        let sql = format!("LOCK TABLE \"{schema}\".jobs, \"{schema}\".job_runs");
        lock.execute_unprepared(&sql).await.unwrap();
    }
    may_end.send(true).unwrap();
    for number in 2..10 {
        enqueue_job(&tenants[2], &new_job(number)).await.unwrap();
        assert_eq!(next(&mut ends).await, job_id(number));
    }
    // The tables are locked still.
    shutdown.cancel();
    lock.rollback().await.unwrap();
    let report = tokio::time::timeout(LIMIT, working).await.unwrap().unwrap();
    assert_eq!(report.completed, 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_tenant_s_discovery_saves_into_its_own_schema() {
    let db = TestDb::empty_postgres().await.unwrap();
    let pool = migrated(&db, &SCHEMAS).await;
    let tenants = tenants(&pool);
    for tenant in &tenants {
        let job = NewJob::discover(job_id(1), &request("a, b", 10));
        enqueue_job(tenant, &job).await.unwrap();
    }
    let search = Search::of(&["https://one.example/", "https://two.example/"]);
    let worker = Worker::builder_for(tenants.clone())
        .handle(
            outreach_domain::JobKind::Discover,
            DiscoveryHandler::new(search),
        )
        .build()
        .unwrap();
    let working = worker.run_until_idle(CancellationToken::new());
    let report = tokio::time::timeout(LIMIT, working).await.unwrap();
    assert_eq!(report.completed, 3);
    for tenant in &tenants {
        let job = find_job(tenant, job_id(1)).await.unwrap().unwrap();
        let statistics = &job.result.unwrap()["search_statistics"];
        assert_eq!(statistics["results_saved"], 2, "{statistics}");
        assert_eq!(statistics["results_skipped_duplicate"], 2, "{statistics}");
        let saved = outreach_entity::prospects::Entity::find().all(tenant).await;
        assert_eq!(saved.unwrap().len(), 2);
    }
    let outside = "select count(*) from pg_tables where schemaname = 'public'";
    assert_eq!(db.count(outside).await.unwrap(), 0);
}

/// Behind a pooler that gives each transaction another session, nothing of one
/// tenant is seen by the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_share_a_pooler_and_see_only_their_own() {
    let db = TestDb::postgres_pooled().await.unwrap();
    for schema in SCHEMAS {
        let options = DatabaseOptions::new(db.direct_url())
            .unwrap()
            .schema(schema);
        let own = open(&options).await.unwrap();
        Migrator::up(&own, None).await.unwrap();
        own.close().await.unwrap();
    }
    let mut tenants = Vec::new();
    for schema in SCHEMAS {
        let options = DatabaseOptions::new(db.url()).unwrap().schema(schema);
        tenants.push(connect_tenant(&options).await.unwrap());
    }
    for (number, tenant) in (0_u64..).zip(&tenants) {
        enqueue_job(tenant, &new_job(number)).await.unwrap();
    }
    for (number, tenant) in (0_u64..).zip(&tenants) {
        for other in 0..3 {
            let found = find_job(tenant, job_id(other)).await.unwrap();
            assert_eq!(found.is_some(), other == number);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_is_not_ready_is_refused_by_name_of_what_is_missing() {
    let db = TestDb::postgres().await.unwrap();
    let options = DatabaseOptions::new(db.url()).unwrap().schema("nobody");
    let refused = connect_tenant(&options).await.unwrap_err();
    assert!(refused.to_string().contains("nobody"), "{refused}");
}
