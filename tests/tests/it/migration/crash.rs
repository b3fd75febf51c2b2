//! A run that dies leaves what was there before, and the next one completes.

use std::time::Duration;

use outreach_migration::{Migrator, MigratorTrait, REVISIONS};
use outreach_tests::{Fault, Proxy, Row, TestDb, matrix_tests};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbBackend, DbErr};

use super::{
    alembic::CREATE_LEDGER,
    duplicates_data as data,
    facts::facts,
    support::{MIRRORED, OWN, Program, ledger, names, up},
};

matrix_tests! {
    on_empty:
    f13_a_run_that_is_killed_as_a_revision_starts_leaves_nothing_of_it,
    f13_a_run_that_is_killed_at_any_moment_is_all_or_nothing,
}

/// The connections of killed processes end by themselves, but not at once.
async fn settle(db: &TestDb) -> anyhow::Result<()> {
    if db.backend() == DbBackend::Sqlite {
        return Ok(());
    }
    let others = "select count(*) from pg_stat_activity \
                  where datname = current_database() and pid <> pg_backend_pid()";
    let gone = async {
        while db.count(others).await? > 0 {
            tokio::task::yield_now().await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_mins(1), gone).await?
}

/// The schema and every row, the ledgers' too.
async fn state(db: &TestDb) -> anyhow::Result<(String, Vec<Row>)> {
    let facts = facts(db).await?;
    let rows: Vec<String> = facts
        .lines()
        .filter(|line| !line.starts_with(' '))
        .map(|table| format!("select * from {table} order by 1"))
        .collect();
    Ok((facts, db.sql(&rows.join(";")).await?))
}

async fn f13_a_run_that_is_killed_as_a_revision_starts_leaves_nothing_of_it(
    db: TestDb,
) -> anyhow::Result<()> {
    let program = Program::on(db.url())?;
    for revision in REVISIONS {
        let mut running = program.with(&["up"]).spawn()?;
        let line = format!("Applying migration '{}'", revision.name);
        running.wait_for_stdout(&line).await?;
        running.kill_9().await?;
        settle(&db).await?;

        let applied = ledger(&db).await?;
        if applied.len() == REVISIONS.len() {
            // It was quicker than the kill; only of the last can that be true.
            program.succeed(&["reset"]).await?;
        } else {
            assert_eq!(facts(&db).await?, "", "{}", revision.name);
        }
    }
    program.succeed(&["up"]).await?;
    assert_eq!(ledger(&db).await?, names(REVISIONS.len()));
    Ok(())
}

/// Kills later and later, until a run is through before it is killed.
async fn f13_a_run_that_is_killed_at_any_moment_is_all_or_nothing(
    db: TestDb,
) -> anyhow::Result<()> {
    let program = Program::on(db.url())?;
    up(&db, MIRRORED).await?;
    data::insert(&db).await?;
    let before = state(&db).await?;
    let mut kills = 0;
    let mut span = Duration::from_millis(1);
    loop {
        let mut running = program.with(&["up"]).spawn()?;
        let end = running.wait_for_stdout("is never printed");
        let ended = tokio::time::timeout(span, end).await.is_ok();
        running.kill_9().await?;
        settle(&db).await?;
        kills += 1;
        span = span.mul_f32(1.35);

        if ended || ledger(&db).await?.len() == REVISIONS.len() {
            break;
        }
        assert!(
            state(&db).await? == before,
            "something stayed of kill {kills}"
        );
    }
    assert!(kills > 10, "only {kills} kills before the end");
    program.succeed(&["up"]).await?;
    assert_eq!(ledger(&db).await?, names(REVISIONS.len()));
    let merged = i64::try_from(data::PAIRS)? + 4;
    assert_eq!(db.count("select count(*) from merged_rows").await?, merged);
    Ok(())
}

/// A command of the chain, run through the proxy.
#[derive(Clone, Copy, Debug)]
enum Command {
    Up,
    Down,
    Reset,
}

impl Command {
    async fn run(self, db: &DatabaseConnection) -> Result<(), DbErr> {
        match self {
            Self::Up => Migrator::up(db, None).await,
            Self::Down => Migrator::down(db, Some(OWN)).await,
            Self::Reset => Migrator::reset(db).await,
        }
    }
}

/// Cuts the connection at the first statement, at the second and so on, until
/// the command gets through. Returns how often it was cut.
async fn cut_at_every_statement(
    db: &TestDb,
    proxy: &Proxy,
    command: Command,
) -> anyhow::Result<u64> {
    let before = state(db).await?;
    let fired = proxy.faults_fired();
    for after in 0.. {
        proxy.set_fault(Fault::None);
        let mut options = ConnectOptions::new(proxy.url(db.url())?);
        options.max_connections(1).sqlx_logging(false);
        let pool = Database::connect(options).await?;
        proxy.set_fault(Fault::DropBeforeStatement { after });
        let outcome = command.run(&pool).await;
        if outcome.is_ok() {
            proxy.set_fault(Fault::None);
            assert_eq!(proxy.faults_fired(), fired + after);
            pool.close().await?;
            return Ok(after);
        }
        proxy.wait_for_faults(fired + after + 1).await?;
        assert!(state(db).await? == before, "{command:?} cut at {after}");
    }
    unreachable!("the loop ends when a command gets through")
}

#[tokio::test(flavor = "multi_thread")]
async fn f13_a_connection_cut_at_any_statement_leaves_nothing_behind() -> anyhow::Result<()> {
    let db = TestDb::empty_postgres().await?;
    let proxy = Proxy::start(db.url()).await?;
    db.sql(CREATE_LEDGER).await?;
    let cuts = cut_at_every_statement(&db, &proxy, Command::Up).await?;
    assert!(cuts > 60, "{cuts} statements are too few for the chain");
    assert_eq!(ledger(&db).await?, names(REVISIONS.len()));
    let version = db.value("select version_num from alembic_version").await?;
    assert_eq!(version.as_deref(), Some("556b79de2825"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f13_a_merge_cut_at_any_statement_loses_nothing() -> anyhow::Result<()> {
    let db = TestDb::empty_postgres().await?;
    let proxy = Proxy::start(db.url()).await?;
    up(&db, MIRRORED).await?;
    data::insert_few(&db).await?;
    cut_at_every_statement(&db, &proxy, Command::Up).await?;
    assert_eq!(db.count("select count(*) from merged_rows").await?, 4);
    cut_at_every_statement(&db, &proxy, Command::Down).await?;
    assert_eq!(ledger(&db).await?, names(4));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f13_a_reset_cut_at_any_statement_loses_nothing() -> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    let proxy = Proxy::start(db.url()).await?;
    cut_at_every_statement(&db, &proxy, Command::Reset).await?;
    assert_eq!(facts(&db).await?, "");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f13_a_run_whose_commit_is_not_answered_is_done_and_can_be_repeated() -> anyhow::Result<()>
{
    let db = TestDb::empty_postgres().await?;
    let proxy = Proxy::start(db.url()).await?;
    let program = Program::on(&proxy.url(db.url())?)?;
    proxy.set_fault(Fault::SwallowCommitReply);

    let output = program.run(&["up"]).await?;

    assert_eq!(output.status, Some(1), "{output:?}");
    assert!(output.stderr.contains("is unknown"), "{output:?}");
    assert_eq!(ledger(&db).await?, names(REVISIONS.len()));
    program.succeed(&["up"]).await?;
    Ok(())
}
