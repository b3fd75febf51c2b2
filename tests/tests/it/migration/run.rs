//! Limits, targets, and runs with nothing to do.

use std::time::{Duration, Instant};

use outreach_migration::{
    REVISIONS,
    run::{self, RunError, RunOptions, Target},
};
use outreach_tests::{Outreach, TestDb, matrix_tests};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend};

use super::{
    facts::facts,
    support::{Program, ledger, names, up},
};

/// Processes that start at the same moment.
const PROCESSES: usize = 10;

/// How often they do; `OUTREACH_TEST_STARTS` gives more.
const STARTS: usize = 3;

matrix_tests! {
    on_empty:
    f18_ten_processes_at_once_apply_each_revision_once,
    f18_up_and_down_go_to_the_revision_that_they_are_told,
    f18_nothing_to_revert_is_said_and_nothing_is_written,
    f19_a_run_with_nothing_to_do_waits_for_nobody,
}

async fn f18_nothing_to_revert_is_said_and_nothing_is_written(db: TestDb) -> anyhow::Result<()> {
    // The file has to be there.
    db.sql("create table other (id integer)").await?;
    let folder = tempfile::tempdir()?;
    let says_so = async |words: &[&str]| {
        let before = facts(&db).await?;
        let program = Outreach::new(folder.path()).env("DATABASE_URL", db.url());
        let output = program.args(["migrate", "down"]).args(words).run().await?;
        assert_eq!(output.status, Some(0), "{output:?}");
        assert_eq!(output.stderr, "There is nothing to revert\n", "{words:?}");
        assert_eq!(facts(&db).await?, before, "{words:?}");
        anyhow::Ok(())
    };
    for words in [&[][..], &["-n", "3"], &["--to", "base"]] {
        says_so(words).await?;
    }
    let program = Program::on(db.url())?;
    let output = program.succeed(&["down"]).await?;
    assert!(
        output.stdout.contains("There is nothing to revert"),
        "{output:?}"
    );
    assert!(
        !super::support::tables(&db)
            .await?
            .contains(&"seaql_migrations".to_owned())
    );
    up(&db, 3).await?;
    says_so(&["--to", REVISIONS[2].name]).await?;
    says_so(&["-n", "0"]).await?;
    assert_eq!(ledger(&db).await?, names(3));
    if db.backend() == DbBackend::Postgres {
        let nobody = program.with(&["down"]).env("DATABASE_SCHEMA", "nobody");
        let nobody = nobody.run().await?;
        assert_eq!(nobody.status, Some(1), "{nobody:?}");
    }
    Ok(())
}

async fn f18_ten_processes_at_once_apply_each_revision_once(db: TestDb) -> anyhow::Result<()> {
    let starts = match std::env::var("OUTREACH_TEST_STARTS") {
        Ok(text) => text.parse()?,
        Err(_) => STARTS,
    };
    for start in 0..starts {
        let fresh = match db.backend() {
            DbBackend::Sqlite => TestDb::empty_sqlite().await?,
            _ => TestDb::empty_postgres().await?,
        };
        let program = Program::on(fresh.url())?;
        let up = program.with(&["up"]);
        let running: Result<Vec<_>, _> = (0..PROCESSES).map(|_| up.spawn()).collect();
        let mut applied = Vec::new();
        for run in running? {
            let output = run.wait().await?;
            assert_eq!(output.status, Some(0), "start {start}: {output:?}");
            applied.push(output.stdout.matches("has been applied").count());
        }
        assert_eq!(
            applied.iter().sum::<usize>(),
            REVISIONS.len(),
            "{applied:?}"
        );
        assert_eq!(ledger(&fresh).await?, names(REVISIONS.len()));
    }
    Ok(())
}

async fn f18_up_and_down_go_to_the_revision_that_they_are_told(db: TestDb) -> anyhow::Result<()> {
    let pool = db.connect_plain().await?;
    let options = RunOptions::default();
    let to = |index: usize| Target::Revision(REVISIONS[index].name);
    let applied = run::up(&pool, to(4), &options).await?;
    assert_eq!(applied, REVISIONS[..5]);
    assert_eq!(ledger(&db).await?, names(5));
    let before = facts(&db).await?;
    assert_eq!(run::up(&pool, to(4), &options).await?, []);
    for error in [
        run::up(&pool, to(2), &options).await.unwrap_err(),
        run::down(&pool, to(6), &options).await.unwrap_err(),
        run::up(&pool, Target::Revision("nope"), &options)
            .await
            .unwrap_err(),
    ] {
        assert!(matches!(error, RunError::Target(_)), "{error}");
    }
    assert_eq!((facts(&db).await?, ledger(&db).await?), (before, names(5)));
    let back = run::down(&pool, to(1), &options).await?;
    let back: Vec<&str> = back.iter().map(|revision| revision.name).collect();
    let expected = [REVISIONS[4].name, REVISIONS[3].name, REVISIONS[2].name];
    assert_eq!(back, expected);
    assert_eq!(run::down(&pool, Target::End, &options).await?.len(), 2);
    assert!(ledger(&db).await?.is_empty());
    Ok(())
}

/// Another connection holds all that a run could wait for.
async fn f19_a_run_with_nothing_to_do_waits_for_nobody(db: TestDb) -> anyhow::Result<()> {
    up(&db, None).await?;
    let other = db.connect_plain().await?;
    let held = sea_orm::TransactionTrait::begin(&other).await?;
    if db.backend() == DbBackend::Postgres {
        held.execute_unprepared(
            "select pg_advisory_xact_lock(hashtextextended('outreach-migration public', 0)); \
             lock table jobs, prospects in access exclusive mode",
        )
        .await?;
    } else {
        held.execute_unprepared("update settings set key = key")
            .await?;
    }
    let pool = db.connect_plain().await?;
    let before = Instant::now();
    let options = RunOptions::default();
    let run = run::up(&pool, Target::End, &options);
    let applied = tokio::time::timeout(Duration::from_mins(1), run).await??;
    assert_eq!(applied, []);
    let run = run::down(
        &pool,
        Target::Revision(REVISIONS[REVISIONS.len() - 1].name),
        &options,
    );
    let reverted = tokio::time::timeout(Duration::from_mins(1), run).await??;
    assert_eq!(reverted, []);
    // Far below any of the limits that it could have waited for.
    assert!(before.elapsed() < Duration::from_secs(4));
    held.rollback().await?;
    Ok(())
}

/// A session that holds a lock on `prospects`, with a name of its own.
async fn holder(db: &TestDb, name: &str) -> anyhow::Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(db.url());
    options.sqlx_logging(false).max_connections(1);
    options.set_application_name(name);
    Ok(Database::connect(options).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_f19_a_locked_table_is_waited_for_as_long_as_told_and_its_holder_is_named()
-> anyhow::Result<()> {
    let db = TestDb::empty_postgres().await?;
    up(&db, 4).await?;
    let before = (facts(&db).await?, ledger(&db).await?);
    let other = holder(&db, "a report\u{1b}[31m").await?;
    let held = sea_orm::TransactionTrait::begin(&other).await?;
    held.execute_unprepared("lock table prospects in row exclusive mode")
        .await?;

    let program = Program::on(db.url())?;
    let begin = Instant::now();
    let refused = program
        .with(&["up"])
        .env("OUTREACH_LOCK_TIMEOUT", "0.3")
        .run()
        .await?;
    let waited = begin.elapsed();
    assert_eq!(refused.status, Some(1), "{refused:?}");
    let error = &refused.stderr;
    for words in [
        "gave up after 0.3 s",
        "Nothing was changed",
        "application a report",
        "idle in transaction",
        "prospects (",
        "pg_terminate_backend(",
    ] {
        assert!(error.contains(words), "no `{words}` in {error}");
    }
    assert!(
        !error.contains('\u{1b}') && error.lines().count() == 1,
        "{error}"
    );
    assert!(waited < Duration::from_mins(1), "{waited:?}");
    assert_eq!((facts(&db).await?, ledger(&db).await?), before);

    held.rollback().await?;
    program.succeed(&["up"]).await?;
    assert_eq!(ledger(&db).await?, names(REVISIONS.len()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_f19_a_statement_may_take_as_long_as_told() -> anyhow::Result<()> {
    let db = TestDb::empty_postgres().await?;
    up(&db, 4).await?;
    let before = (facts(&db).await?, ledger(&db).await?);
    let other = holder(&db, "holder").await?;
    let held = sea_orm::TransactionTrait::begin(&other).await?;
    held.execute_unprepared("lock table prospects").await?;
    let options = RunOptions::default()
        .lock_timeout(Duration::ZERO)
        .statement_timeout(Duration::from_millis(300));
    let pool = db.connect_plain().await?;
    let error = run::up(&pool, Target::End, &options).await.unwrap_err();
    assert!(matches!(error, RunError::TookTooLong { .. }), "{error}");
    held.rollback().await?;
    assert_eq!((facts(&db).await?, ledger(&db).await?), before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_f19_limits_of_the_role_do_not_cut_the_wait_for_another_run() -> anyhow::Result<()>
{
    let db = TestDb::empty_postgres().await?;
    let other = db.connect_plain().await?;
    let held = sea_orm::TransactionTrait::begin(&other).await?;
    held.execute_unprepared(
        "select pg_advisory_xact_lock(hashtextextended('outreach-migration public', 0))",
    )
    .await?;
    let mut url = url::Url::parse(db.url())?;
    url.query_pairs_mut()
        .append_pair("options", "-c lock_timeout=50 -c statement_timeout=50");
    let program = Program::on(url.as_str())?;
    let waiting = program.with(&["up"]).spawn()?;
    let waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted \
                 and database = (select oid from pg_database where datname = current_database())";
    while db.count(waits).await? == 0 {
        tokio::task::yield_now().await;
    }
    // Longer than those limits.
    db.sql("select pg_sleep(0.3)").await?;
    held.rollback().await?;
    let output = waiting.wait().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_f19_another_writer_is_named_when_it_does_not_end() -> anyhow::Result<()> {
    let db = TestDb::empty_sqlite().await?;
    up(&db, 1).await?;
    let other = db.connect_plain().await?;
    let held = sea_orm::TransactionTrait::begin(&other).await?;
    held.execute_unprepared("update jobs set status = status")
        .await?;
    let mut options = ConnectOptions::new(db.url());
    options
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|sqlite| sqlite.busy_timeout(Duration::from_millis(100)));
    let pool = Database::connect(options).await?;
    let error = run::up(&pool, Target::End, &RunOptions::default()).await;
    let error = error.unwrap_err();
    assert!(matches!(error, RunError::Busy(_)), "{error}");
    held.rollback().await?;
    assert_eq!(ledger(&db).await?, names(1));
    Ok(())
}
