//! The recorded statements, and the scripts that are made of them.

use std::{fs, path::Path, process::Stdio};

use anyhow::Context;
use outreach_migration::{
    REVISIONS, Revision, checksums,
    run::{Direction, RunOptions},
    scripts::{OfflineOptions, offline, recorded},
};
use outreach_tests::{TestDb, matrix_tests, postgres_program, scripts::record_on};
use sea_orm::{
    DbBackend,
    sqlx::{AssertSqlSafe, Connection, SqliteConnection, raw_sql},
};

use super::{
    alembic::CREATE_LEDGER,
    duplicates_data as data,
    facts::facts,
    support::{contents, ledger, names, tables, texts, up},
};

matrix_tests! {
    on_empty:
    f13_the_recorded_statements_are_those_that_the_chain_sends,
    f13_a_script_leads_where_the_chain_leads_from_every_revision_to_every_other,
    f13_a_script_is_refused_where_it_does_not_begin_and_changes_nothing,
    f13_a_script_that_fails_on_its_way_changes_nothing_though_the_shell_goes_on,
    f26_a_script_refuses_duplicates_that_only_the_chain_can_merge,
    f21_a_script_down_is_refused_by_rows_and_marks,
}

const ALL: usize = REVISIONS.len();

fn script(db: &TestDb, from: usize, to: usize) -> anyhow::Result<String> {
    let revision = |count: usize| count.checked_sub(1).map(|index| &REVISIONS[index]);
    let (from, to): (Option<&Revision>, Option<&Revision>) = (revision(from), revision(to));
    let direction = if place(from) < place(to) {
        Direction::Up
    } else {
        Direction::Down
    };
    let options = OfflineOptions::default().run(RunOptions::default().environment("test"));
    Ok(offline(db.backend(), direction, from, to, &options)?)
}

fn place(revision: Option<&Revision>) -> usize {
    let place = REVISIONS.iter().position(|one| Some(one) == revision);
    place.map_or(0, |place| place + 1)
}

/// Runs a script as psql and sqlite3 do when they are told nothing: each
/// statement, whatever became of the one before. Returns the errors.
async fn run(db: &TestDb, sql: &str) -> anyhow::Result<Vec<String>> {
    if db.backend() == DbBackend::Sqlite {
        return run_sqlite(db, sql).await;
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("script.sql");
    fs::write(&file, sql)?;
    let (_, errors) = psql(db, &file, &[]).await?;
    Ok(errors)
}

async fn psql(
    db: &TestDb,
    file: &Path,
    arguments: &[&str],
) -> anyhow::Result<(Option<i32>, Vec<String>)> {
    let output = tokio::process::Command::new(postgres_program("psql")?)
        .args(["-X", "-q", "-d", db.url()])
        .args(arguments)
        .arg("-f")
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .await?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let errors = text.lines().filter(|line| line.contains("ERROR"));
    Ok((output.status.code(), errors.map(str::to_owned).collect()))
}

/// As the shell of sqlite3 without `-bail`, which a machine may lack. No
/// statement of a script has a semicolon at the end of an inner line.
async fn run_sqlite(db: &TestDb, sql: &str) -> anyhow::Result<Vec<String>> {
    let options: sea_orm::sqlx::sqlite::SqliteConnectOptions = db.url().parse()?;
    let options = options.foreign_keys(false);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let mut errors = Vec::new();
    for statement in sql.split_inclusive(";\n") {
        let done = raw_sql(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await;
        if let Err(error) = done {
            errors.push(error.to_string());
        }
    }
    connection.close().await?;
    Ok(errors)
}

async fn f13_the_recorded_statements_are_those_that_the_chain_sends(
    db: TestDb,
) -> anyhow::Result<()> {
    let seen = record_on(&db).await?;
    for (revision, seen) in REVISIONS.iter().zip(seen) {
        let record = recorded(db.backend(), revision)?;
        assert_eq!(record, seen, "{}: regenerate-snapshots", revision.name);
    }
    Ok(())
}

/// What a run leaves: schema, ledgers and checksums.
async fn state(db: &TestDb) -> anyhow::Result<(String, Vec<String>, Vec<String>, Vec<String>)> {
    let pool = db.connect_plain().await?;
    let sums = checksums::recorded(&pool).await?;
    pool.close().await?;
    let alembic = if tables(db).await?.contains(&"alembic_version".to_owned()) {
        texts(db.sql("select version_num from alembic_version").await?)
    } else {
        Vec::new()
    };
    let sums = sums
        .into_iter()
        .map(|(name, sum)| name + " " + &sum)
        .collect();
    Ok((facts(db).await?, ledger(db).await?, alembic, sums))
}

async fn another(db: &TestDb) -> anyhow::Result<TestDb> {
    match db.backend() {
        DbBackend::Sqlite => TestDb::empty_sqlite().await,
        _ => TestDb::empty_postgres().await,
    }
}

async fn f13_a_script_leads_where_the_chain_leads_from_every_revision_to_every_other(
    db: TestDb,
) -> anyhow::Result<()> {
    let twin = another(&db).await?;
    for with_alembic in [false, true] {
        if with_alembic {
            db.sql(CREATE_LEDGER).await?;
            twin.sql(CREATE_LEDGER).await?;
            // The ledger is there and empty, as the scripts leave it.
            super::support::down(&twin, None).await?;
        }
        let mut states = vec![None];
        for _ in REVISIONS {
            up(&twin, 1).await?;
            states.push(Some(state(&twin).await?));
        }
        let (all, mut at) = (ALL, 0);
        // One by one, then the whole chain, and parts of it.
        let mut way: Vec<usize> = (1..=all).collect();
        way.extend((0..all).rev());
        way.extend([all, 4, all, 0, 4, 2, 6, 0, all, 0]);
        for to in way {
            let errors = run(&db, &script(&db, at, to)?).await?;
            assert_eq!(errors, [""; 0], "from {at} to {to}");
            assert_eq!(ledger(&db).await?, names(to));
            if let Some(expected) = &states[to] {
                assert_eq!(&state(&db).await?, expected, "from {at} to {to}");
            }
            if to == all {
                let stored = "select value from database_properties where name = 'environment'";
                assert_eq!(db.value(stored).await?.as_deref(), Some("test"));
            }
            at = to;
        }
        super::support::down(&twin, None).await?;
    }
    Ok(())
}

async fn f13_a_script_is_refused_where_it_does_not_begin_and_changes_nothing(
    db: TestDb,
) -> anyhow::Result<()> {
    db.sql(CREATE_LEDGER).await?;
    up(&db, 2).await?;
    let before = state(&db).await?;
    for (from, to) in [(0, ALL), (1, 2), (3, 4), (4, 3), (1, 0), (0, 2)] {
        let errors = run(&db, &script(&db, from, to)?).await?;
        assert!(!errors.is_empty(), "from {from} to {to}");
        let all = errors.join("; ");
        assert!(all.contains("outreach: "), "from {from} to {to}: {all}");
        assert_eq!(state(&db).await?, before, "from {from} to {to}");
    }
    // Alembic's ledger says something else.
    db.sql("update alembic_version set version_num = 'other'")
        .await?;
    let before = state(&db).await?;
    let errors = run(&db, &script(&db, 2, ALL)?).await?;
    assert!(errors.join("; ").contains("alembic_version"), "{errors:?}");
    assert_eq!(state(&db).await?, before);
    Ok(())
}

async fn f13_a_script_that_fails_on_its_way_changes_nothing_though_the_shell_goes_on(
    db: TestDb,
) -> anyhow::Result<()> {
    // A table and an index of somebody else, in the way of a revision in the
    // middle.
    for obstacle in [
        "create table merged_rows (id integer)",
        "create table own (a integer); create index ix_job_runs_lease_expires_at on own (a)",
    ] {
        let db = another(&db).await?;
        db.sql(obstacle).await?;
        let before = (facts(&db).await?, tables(&db).await?);
        let errors = run(&db, &script(&db, 0, ALL)?).await?;
        assert!(!errors.is_empty());
        assert_eq!((facts(&db).await?, tables(&db).await?), before);
    }
    // Made by `create_all`: all is there, and nothing is in a ledger.
    up(&db, None).await?;
    db.sql("drop table seaql_migrations").await?;
    let before = (facts(&db).await?, tables(&db).await?);
    let errors = run(&db, &script(&db, 0, ALL)?).await?;
    assert!(!errors.is_empty());
    assert_eq!((facts(&db).await?, tables(&db).await?), before);
    Ok(())
}

async fn f26_a_script_refuses_duplicates_that_only_the_chain_can_merge(
    db: TestDb,
) -> anyhow::Result<()> {
    up(&db, 4).await?;
    data::insert_few(&db).await?;
    let rows = contents(&db, &["prospects", "discovery_queries"]).await?;
    let before = state(&db).await?;
    let errors = run(&db, &script(&db, 4, ALL)?).await?.join("; ");
    assert!(
        errors.contains("`outreach migrate up` merges them"),
        "{errors}"
    );
    assert_eq!(state(&db).await?, before);
    assert_eq!(
        contents(&db, &["prospects", "discovery_queries"]).await?,
        rows
    );
    Ok(())
}

async fn f21_a_script_down_is_refused_by_rows_and_marks(db: TestDb) -> anyhow::Result<()> {
    up(&db, 4).await?;
    data::insert_few(&db).await?;
    up(&db, None).await?;
    let before = state(&db).await?;
    let errors = run(&db, &script(&db, ALL, 4)?).await?.join("; ");
    assert!(
        errors.contains("`outreach migrate down` puts back"),
        "{errors}"
    );
    assert_eq!(state(&db).await?, before);
    db.sql("delete from merged_rows").await?;
    for (name, value) in [("protected", "yes"), ("environment", "production")] {
        db.sql(&format!(
            "insert into database_properties (name, value) values ('{name}', '{value}')"
        ))
        .await?;
        let errors = run(&db, &script(&db, ALL, 4)?).await?.join("; ");
        assert!(errors.contains("outreach: the database is"), "{errors}");
        assert_eq!(state(&db).await?, before);
        db.sql("delete from database_properties").await?;
    }
    assert_eq!(run(&db, &script(&db, ALL, 4)?).await?, [""; 0]);
    assert_eq!(ledger(&db).await?, names(4));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_f13_psql_says_with_its_status_whether_a_script_was_done() -> anyhow::Result<()> {
    let db = TestDb::empty_postgres().await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("script.sql");
    let options = OfflineOptions::default().schema("Tenant \"C\"");
    let sql = offline(
        db.backend(),
        Direction::Up,
        None,
        REVISIONS.last(),
        &options,
    )?;
    fs::write(&file, sql)?;
    let stop = ["-v", "ON_ERROR_STOP=1"];
    assert_eq!(psql(&db, &file, &stop).await?, (Some(0), vec![]));
    let (status, errors) = psql(&db, &file, &stop).await?;
    assert_eq!(status, Some(3));
    let error = errors.first().context("it says why")?;
    assert!(error.contains("the database is not at base"), "{error}");
    let applied = db
        .count("select count(*) from \"Tenant \"\"C\"\"\".seaql_migrations")
        .await?;
    assert_eq!(applied, i64::try_from(ALL)?);
    assert!(tables(&db).await?.is_empty());
    Ok(())
}
