//! Several runs at the same moment.

use outreach_migration::{Migrator, MigratorTrait, REVISIONS};
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::DbBackend;

use super::support::{Program, ledger, names, tables};

/// How often two processes race.
const TRIES: usize = 50;

matrix_tests! {
    on_empty:
    f18_two_migrations_at_once_apply_each_revision_once,
    f18_eight_connections_at_once_apply_each_revision_once,
    f18_up_and_down_at_once_both_end_well,
    status_looked_at_twice_at_once_creates_nothing,
}

async fn another(db: &TestDb) -> anyhow::Result<TestDb> {
    match db.backend() {
        DbBackend::Sqlite => TestDb::empty_sqlite().await,
        _ => TestDb::empty_postgres().await,
    }
}

async fn f18_two_migrations_at_once_apply_each_revision_once(db: TestDb) -> anyhow::Result<()> {
    for attempt in 0..TRIES {
        let fresh = another(&db).await?;
        let program = Program::on(fresh.url())?;
        let up = program.with(&["up"]);
        // Both are started before either is waited for.
        let (one, other) = (up.spawn()?, up.spawn()?);
        let (one, other) = tokio::try_join!(one.wait(), other.wait())?;

        assert_eq!(
            (one.status, other.status),
            (Some(0), Some(0)),
            "attempt {attempt}: {one:?} {other:?}"
        );
        let applied = [&one, &other].map(|run| run.stdout.matches("has been applied").count());
        assert_eq!(applied.iter().sum::<usize>(), REVISIONS.len());
        assert!(applied.contains(&0), "attempt {attempt}: {applied:?}");
        assert_eq!(ledger(&fresh).await?, names(REVISIONS.len()));
    }
    Ok(())
}

async fn f18_eight_connections_at_once_apply_each_revision_once(db: TestDb) -> anyhow::Result<()> {
    let mut runs = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let pool = db.connect_plain().await?;
        runs.spawn(async move {
            Migrator::up(&pool, None).await?;
            pool.close().await
        });
    }
    while let Some(run) = runs.join_next().await {
        run??;
    }
    assert_eq!(ledger(&db).await?, names(REVISIONS.len()));
    Ok(())
}

async fn f18_up_and_down_at_once_both_end_well(db: TestDb) -> anyhow::Result<()> {
    super::support::up(&db, None).await?;
    let (one, other) = (db.connect_plain().await?, db.connect_plain().await?);
    let (refreshed, again) = tokio::join!(Migrator::refresh(&one), Migrator::refresh(&other));
    refreshed?;
    again?;
    let (upped, downed) = tokio::join!(Migrator::up(&one, None), Migrator::down(&other, None));
    upped?;
    downed?;
    let applied = ledger(&db).await?;
    assert!(
        applied.is_empty() || applied == names(REVISIONS.len()),
        "{applied:?}"
    );
    Ok(())
}

async fn status_looked_at_twice_at_once_creates_nothing(db: TestDb) -> anyhow::Result<()> {
    let program = Program::on(db.url())?;
    let (one, other) =
        tokio::try_join!(program.succeed(&["status"]), program.succeed(&["status"]))?;
    for output in [one, other] {
        assert_eq!(output.stdout.matches("Pending").count(), REVISIONS.len());
    }
    assert!(tables(&db).await?.is_empty());
    Ok(())
}
