//! What is in order is not found, at every revision and under every role that
//! may read.

use outreach_migration::REVISIONS;
use outreach_service::{
    data_checks::{DataCheckError, DataCode, check_data},
    discovery::{Contacts, Discovery, run_discovery},
    jobs::cancel_job,
};
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::{AccessMode, ConnectionTrait, TransactionTrait};

use super::{cases::prospect, findings, up};
use crate::support::{Search, enqueue, job_id, pool, request, result, start, unavailable};

matrix_tests! {
    what_the_service_writes_is_in_order;
    on_empty:
    every_revision_can_be_checked,
}

async fn what_the_service_writes_is_in_order(db: TestDb) -> anyhow::Result<()> {
    assert_eq!(findings(&db).await?, []);
    let pool = pool(&db).await;
    let search = Search::new(|query| match query.keyword.as_str() {
        "failing" => Err(unavailable("down")),
        "empty" => Ok(Vec::new()),
        _ => Ok([
            "https://a.example.com/",
            "https://A.example.com/x",
            "nonsense:",
            "https://b.example.com/",
        ]
        .map(result)
        .to_vec()),
    });
    for (number, keywords) in [
        (1, "blog, failing, empty"),
        (2, "blog, other"),
        (3, "failing"),
    ] {
        enqueue(&pool, number, &request(keywords, 2)).await;
        let discovery = Discovery::new(&search, Contacts::Deferred(None));
        run_discovery(&pool, job_id(number), &discovery).await?;
    }
    for number in 4..=6 {
        enqueue(&pool, number, &request("later", 2)).await;
    }
    cancel_job(&pool, job_id(4)).await?;
    start(&pool, 5).await?;
    assert_eq!(findings(&db).await?, []);
    Ok(())
}

async fn every_revision_can_be_checked(db: TestDb) -> anyhow::Result<()> {
    assert_eq!(findings(&db).await?, []);
    for _ in REVISIONS {
        up(&db, 1).await?;
        assert_eq!(findings(&db).await?, []);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_a_table_that_can_not_be_read_is_an_error_that_names_the_check()
-> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    let role = format!("blind_{}", uuid::Uuid::new_v4().simple());
    db.sql(&format!(
        "create role {role}; grant usage on schema public to {role}; grant select on jobs, \
         settings, discovery_queries, email_logs, job_runs, merged_rows to {role}"
    ))
    .await?;
    let pool = db.connect_plain().await?;
    let txn = pool.begin().await?;
    txn.execute_unprepared(&format!("set local role {role}"))
        .await?;
    let error = check_data(&txn).await.unwrap_err();
    txn.rollback().await?;
    let DataCheckError::Check { code, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*code, DataCode::OutreachStatusUnknown);
    assert!(
        error.to_string().contains("outreach-status-unknown"),
        "{error}"
    );
    pool.close().await?;
    db.sql(&format!("drop owned by {role}; drop role {role}"))
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_a_role_that_may_only_select_in_a_session_that_may_only_read_is_enough()
-> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    db.sql(&prospect(db.backend(), 1, "score", "NULL")).await?;
    let role = format!("reader_{}", uuid::Uuid::new_v4().simple());
    db.sql(&format!(
        "create role {role} login; grant usage on schema public to {role}; \
         grant select on all tables in schema public to {role}"
    ))
    .await?;
    let pool = db.connect_plain().await?;
    let txn = pool
        .begin_with_config(None, Some(AccessMode::ReadOnly))
        .await?;
    txn.execute_unprepared(&format!("set local role {role}"))
        .await?;
    let found = check_data(&txn).await?;
    txn.rollback().await?;
    assert_eq!(found.len(), 1, "{found:?}");
    pool.close().await?;
    db.sql(&format!("drop owned by {role}; drop role {role}"))
        .await?;
    Ok(())
}
