//! An adoption that does not get to its end leaves the database as it was.

use std::time::Duration;

use outreach_operations::adopt::{self, AdoptError, Adoption, Plan, Progress};
use outreach_service::connect::{DatabaseOptions, open};
use outreach_tests::{Fault, Outreach, Proxy, TestDb, matrix_tests};
use sea_orm::{ConnectionTrait, TransactionTrait};

use super::{
    adopt as carry_out, assert_clean,
    databases::{Contents, alembic, create_all},
    folder, plan, run,
};
use crate::migration::{facts::facts, support::MIRRORED};

matrix_tests! {
    on_empty:
    an_adoption_that_is_killed_leaves_the_original_and_can_be_run_again,
    f21_a_row_that_the_merge_would_take_along_rolls_everything_back,
}

async fn planned(options: &DatabaseOptions) -> anyhow::Result<Plan> {
    let pool = open(&options.clone().max_connections(1)).await?;
    let plan = adopt::plan(&pool).await?;
    pool.close().await?;
    Ok(plan)
}

/// Waits until the server knows that the client is gone.
async fn settle(db: &TestDb) -> anyhow::Result<()> {
    if db.backend() != sea_orm::DbBackend::Postgres {
        return Ok(());
    }
    let others = "select count(*) from pg_stat_activity where datname = current_database() \
         and pid <> pg_backend_pid()";
    let gone = async {
        while db.count(others).await? > 0 {
            tokio::task::yield_now().await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_mins(1), gone).await?
}

async fn an_adoption_that_is_killed_leaves_the_original_and_can_be_run_again(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    alembic(&db, MIRRORED, true).await?;
    db.sql("create index by_hand on jobs (user_id)").await?;
    let before = (facts(&db).await?, Contents::of(&db).await?);
    for line in [
        "writing ",
        "the backup is",
        "mending the tables",
        "recording and running",
        "Applying migration 'm20260101_000002",
        "looking at the outcome",
    ] {
        let program = Outreach::new(&folder).env("DATABASE_URL", db.url());
        let mut running = program.args(["adopt", "--yes"]).spawn()?;
        running.wait_for_stderr(line).await?;
        running.kill_9().await?;
        settle(&db).await?;
        assert!(facts(&db).await? == before.0, "killed at `{line}`");
        assert!(Contents::of(&db).await? == before.1, "killed at `{line}`");
    }
    carry_out(&folder, &db).await?;
    before.1.assert_kept(&db).await?;
    assert_clean(&folder, &db).await
}

/// A foreign table whose rows go along with a prospect: the merge would delete
/// one that is nobody's duplicate.
async fn f21_a_row_that_the_merge_would_take_along_rolls_everything_back(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    alembic(&db, MIRRORED, true).await?;
    let id = match db.backend() {
        sea_orm::DbBackend::Sqlite => "uuid_text",
        _ => "uuid",
    };
    db.sql(&format!(
        "create table notes (prospect_id {id} references prospects (id) on delete cascade); \
         insert into notes select id from prospects; \
         update prospects set domain = 'd1.example.com' where domain = 'd2.example.com'"
    ))
    .await?;
    let before = (facts(&db).await?, Contents::of(&db).await?);
    let output = run(&folder, &db, &["--yes"]).await?;
    assert_eq!(output.status, Some(2), "{output:?}");
    assert!(
        output
            .stderr
            .contains("`notes` had 1000 rows and would have 999"),
        "{output:?}"
    );
    assert!(
        output.stderr.contains("rolled back; the backup is"),
        "{output:?}"
    );
    assert!((facts(&db).await?, Contents::of(&db).await?) == before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f22_a_connection_that_is_cut_leaves_the_original() -> anyhow::Result<()> {
    let (db, folder) = (TestDb::empty_postgres().await?, folder()?);
    create_all(&db).await?;
    let before = (facts(&db).await?, Contents::of(&db).await?);
    let proxy = Proxy::start(db.url()).await?;
    let options = DatabaseOptions::new(&proxy.url(db.url())?)?;
    let plan = planned(&options).await?;
    let adoption = Adoption::new(folder.path());
    let cut = |after| {
        let proxy = &proxy;
        move |progress| {
            if progress == Progress::Locking {
                proxy.set_fault(Fault::DropBeforeStatement { after });
            }
        }
    };
    for after in [1, 40, 80] {
        let error = adopt::carry_out(&options, &plan, &adoption, &cut(after)).await;
        let error = error.expect_err("the connection was cut");
        assert!(error.to_string().contains("nothing was changed"), "{error}");
        proxy.set_fault(Fault::None);
        assert!(
            (facts(&db).await?, Contents::of(&db).await?) == before,
            "{after}"
        );
    }
    let swallow = |progress| {
        if progress == Progress::Committing {
            proxy.set_fault(Fault::SwallowCommitReply);
        }
    };
    let error = adopt::carry_out(&options, &plan, &adoption, &swallow).await;
    assert!(
        matches!(
            error,
            Err(AdoptError::UnknownOutcome {
                backup: Some(_),
                ..
            })
        ),
        "{error:?}"
    );
    assert_clean(&folder, &db).await
}

#[tokio::test(flavor = "multi_thread")]
async fn f19_a_table_that_another_session_holds_is_not_waited_for_without_end() -> anyhow::Result<()>
{
    let (db, folder) = (TestDb::empty_postgres().await?, folder()?);
    alembic(&db, MIRRORED, false).await?;
    let before = (facts(&db).await?, Contents::of(&db).await?);
    let pool = db.connect_plain().await?;
    let txn = pool.begin().await?;
    txn.execute_unprepared("update jobs set status = 'failed'")
        .await?;
    let output = run(&folder, &db, &["--yes", "--lock-timeout", "1"]).await?;
    assert_eq!(output.status, Some(2), "{output:?}");
    assert!(output.stderr.contains("holds jobs ("), "{output:?}");
    assert!(output.stderr.contains("pg_terminate_backend"), "{output:?}");
    txn.rollback().await?;
    assert!((facts(&db).await?, Contents::of(&db).await?) == before);
    assert_eq!(plan(&folder, &db, 0).await?["state"], "at-revision");
    Ok(())
}
