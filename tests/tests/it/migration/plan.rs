//! What a run would do, without doing it.

use std::fs;

use outreach_migration::{
    REVISIONS,
    plan::plan,
    run::{Direction, Target},
};
use outreach_tests::{Outreach, TestDb, matrix_tests};
use sea_orm::DbBackend;

use super::{
    duplicates_data as data,
    facts::facts,
    support::{contents, ledger, names, up},
};

matrix_tests! {
    on_empty:
    f19_a_plan_says_what_the_run_does_and_writes_nothing,
    f19_a_plan_counts_the_rows_that_are_merged_and_restored,
    f02_a_plan_of_an_unmanaged_database_is_refused_as_the_run_is,
    looking_writes_nothing_at_all,
}

async fn f19_a_plan_says_what_the_run_does_and_writes_nothing(db: TestDb) -> anyhow::Result<()> {
    let pool = db.connect_plain().await?;
    let wanted = plan(&pool, Direction::Up, Target::End).await?;
    assert_eq!(wanted.current, None);
    assert_eq!(wanted.steps.len(), REVISIONS.len());
    assert_eq!(facts(&db).await?, "");
    up(&db, 3).await?;
    let wanted = plan(&pool, Direction::Up, Target::Steps(2)).await?;
    let steps: Vec<_> = wanted.steps.iter().map(|step| step.revision).collect();
    assert_eq!(steps, REVISIONS[3..5]);
    assert_eq!(wanted.current, Some(REVISIONS[2]));
    if db.backend() == DbBackend::Postgres {
        let locks: Vec<_> = wanted.steps[0]
            .statements
            .iter()
            .flat_map(|s| &s.locks)
            .collect();
        let strongest = locks
            .iter()
            .any(|lock| lock.table == "prospects" && lock.mode == "AccessExclusiveLock");
        assert!(strongest, "{locks:?}");
    }
    let back = plan(&pool, Direction::Down, Target::End).await?;
    let steps: Vec<_> = back.steps.iter().rev().map(|step| step.revision).collect();
    assert_eq!(steps, REVISIONS[..3]);
    assert_eq!(ledger(&db).await?, names(3));
    Ok(())
}

async fn f19_a_plan_counts_the_rows_that_are_merged_and_restored(db: TestDb) -> anyhow::Result<()> {
    up(&db, 4).await?;
    data::insert_few(&db).await?;
    let pool = db.connect_plain().await?;
    let before = contents(&db, &["prospects", "discovery_queries"]).await?;
    let wanted = plan(&pool, Direction::Up, Target::End).await?;
    let rows = |rows: &[outreach_migration::plan::RowChange]| -> Vec<(&'static str, u64)> {
        rows.iter().map(|one| (one.table, one.rows)).collect()
    };
    let counted = [("discovery_queries", 1), ("prospects", 3)];
    assert_eq!(rows(&wanted.steps[0].rows), counted);
    assert_eq!(
        contents(&db, &["prospects", "discovery_queries"]).await?,
        before
    );
    up(&db, None).await?;
    let merged = "select count(*) from merged_rows";
    assert_eq!(db.count(merged).await?, 4);
    let back = plan(&pool, Direction::Down, Target::Revision(REVISIONS[3].name)).await?;
    let last = back.steps.last().expect("the merge is taken back");
    assert_eq!(rows(&last.rows), counted);
    assert_eq!(db.count(merged).await?, 4);
    Ok(())
}

async fn f02_a_plan_of_an_unmanaged_database_is_refused_as_the_run_is(
    db: TestDb,
) -> anyhow::Result<()> {
    up(&db, 4).await?;
    db.sql("drop table seaql_migrations").await?;
    let before = facts(&db).await?;
    let folder = tempfile::tempdir()?;
    let run = async |words: &[&str]| {
        let program = Outreach::new(folder.path()).env("DATABASE_URL", db.url());
        program.args(["migrate"]).args(words).run().await
    };
    let run_itself = run(&["up"]).await?;
    assert_eq!(run_itself.status, Some(1), "{run_itself:?}");
    assert!(
        run_itself.stderr.contains("`outreach adopt`"),
        "{run_itself:?}"
    );
    for words in [
        &["--plan"][..],
        &["up", "--plan"],
        &["up", "--plan", "--json"],
    ] {
        let planned = run(words).await?;
        assert_eq!(planned.status, Some(1), "{planned:?}");
        assert_eq!(planned.stdout, "", "{planned:?}");
        let said = planned.stderr.trim_end();
        assert!(run_itself.stderr.trim_end().ends_with(said), "{planned:?}");
    }
    assert_eq!(facts(&db).await?, before);
    Ok(())
}

/// On PostgreSQL the server refuses every write; on SQLite the file stays as it
/// is, byte for byte.
async fn looking_writes_nothing_at_all(db: TestDb) -> anyhow::Result<()> {
    up(&db, 4).await?;
    data::insert_few(&db).await?;
    let is_sqlite = db.backend() == DbBackend::Sqlite;
    let file = is_sqlite.then(|| {
        let path = db.url().trim_start_matches("sqlite://");
        path.split('?').next().unwrap_or_default().to_owned()
    });
    if !is_sqlite {
        let name = db.value("select current_database()").await?;
        let name = name.unwrap_or_default();
        db.sql(&format!(
            "alter database {name} set default_transaction_read_only = on"
        ))
        .await?;
    }
    let bytes = || file.as_ref().map(fs::read).transpose();
    let before = bytes()?;
    let folder = tempfile::tempdir()?;
    for words in [
        &["migrate", "--plan"][..],
        &["migrate", "up", "--plan", "--json"],
        &["migrate", "down", "--plan"],
        &["migrate", "stamp", "556b79de2825", "--plan"],
        &["migrate", "history"],
        &["migrate", "current", "--json"],
        &["migrate", "status"],
        &["history"],
        &["current"],
    ] {
        let program = Outreach::new(folder.path()).env("DATABASE_URL", db.url());
        let output = program.args(words).run().await?;
        assert_eq!(output.status, Some(0), "{words:?}: {output:?}");
        assert_eq!(bytes()?, before, "{words:?}");
    }
    let refused = Outreach::new(folder.path()).env("DATABASE_URL", db.url());
    let refused = refused.args(["migrate", "up"]).run().await?;
    assert_eq!(refused.status == Some(0), is_sqlite, "{refused:?}");
    assert_eq!(bytes()? == before, !is_sqlite);
    Ok(())
}
