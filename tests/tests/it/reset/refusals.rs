//! Ways to reset by mistake. Each is refused, and every row is as it was.

use std::fs;

use outreach_tests::{Outreach, TestDb, matrix_tests};
use sea_orm::{
    DbBackend,
    sqlx::{Connection, Executor, PgConnection, SqliteConnection},
};

use super::{assert_refused, hashes, name, reset, settle};
use crate::backup::{fill, folder, outreach};

matrix_tests! {
    f21_without_the_databases_own_name_nothing_is_reset,
    f21_a_protected_database_is_not_reset,
    f21_a_database_of_another_environment_is_not_reset,
    f21_while_others_are_connected_nothing_is_reset,
    f21_what_depends_on_the_tables_keeps_them,
    f21_tables_of_an_unknown_revision_are_not_dropped,
    f21_somebody_elses_table_of_the_same_name_is_not_dropped,
    f21_a_dry_run_changes_nothing,
    f21_every_reason_is_said_at_once;
    on_empty:
    f21_a_database_that_is_not_outreachs_is_not_reset,
}

async fn f21_without_the_databases_own_name_nothing_is_reset(db: TestDb) -> anyhow::Result<()> {
    fill(&db).await?;
    let folder = folder()?;
    let before = hashes(&db).await?;
    let name = name(&db);
    let upper = name.to_uppercase();
    let bare = || outreach(&folder, &db).arg("reset");
    let piped = "no confirmation; give `--confirm";
    for (command, input, word) in [
        (bare(), "", piped),
        (bare().arg("--yes"), "", piped),
        (bare().arg("--yes"), "yes\n", piped),
        (bare(), &format!("{name}\n"), piped),
        (bare().args(["--confirm", ""]), "", "was confirmed"),
        (bare().args(["--confirm", "yes"]), "", "was confirmed"),
        (bare().args(["--confirm", &upper]), "", "was confirmed"),
        (bare().args(["--confirm", &name[1..]]), "", "was confirmed"),
        (
            bare().args(["--yes", "--confirm", "outreach_staging"]),
            "y\n",
            "`outreach_staging` was confirmed",
        ),
    ] {
        let output = command.run_with_input(input).await?;
        assert_refused(&db, &folder, &before, &output, &[word, &name]).await?;
    }
    Ok(())
}

async fn f21_a_protected_database_is_not_reset(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let mark = outreach(&folder, &db).args(["protect", "--reason", "the customers' \"own\""]);
    assert_eq!(mark.run().await?.status, Some(0));
    let before = hashes(&db).await?;
    let output = reset(&folder, &db).run().await?;
    let words = [
        "is protected",
        "the customers' \"own\";",
        "outreach protect --off",
    ];
    assert_refused(&db, &folder, &before, &output, &words).await?;

    let production = "insert into database_properties (name, value) \
         values ('environment', 'production')";
    db.sql("delete from database_properties").await?;
    db.sql(production).await?;
    let before = hashes(&db).await?;
    let output = reset(&folder, &db)
        .args(["--environment", "production"])
        .run()
        .await?;
    let words = ["is protected", "`production`", "outreach protect"];
    assert_refused(&db, &folder, &before, &output, &words).await
}

async fn f21_a_database_of_another_environment_is_not_reset(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let before = hashes(&db).await?;
    let output = reset(&folder, &db).env("OUTREACH_ENVIRONMENT", "development");
    let words = ["environment none, and `development` was said"];
    assert_refused(&db, &folder, &before, &output.run().await?, &words).await?;

    let store = outreach(&folder, &db).args(["protect", "--environment", "staging"]);
    assert_eq!(store.run().await?.status, Some(0));
    let before = hashes(&db).await?;
    let output = reset(&folder, &db).run().await?;
    let words = ["`staging`, and none was said"];
    assert_refused(&db, &folder, &before, &output, &words).await?;
    let output = reset(&folder, &db).args(["--environment", "development"]);
    let words = ["`staging`, and `development` was said"];
    assert_refused(&db, &folder, &before, &output.run().await?, &words).await
}

async fn f21_while_others_are_connected_nothing_is_reset(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let before = hashes(&db).await?;
    let words = ["others are connected", "--allow-sessions"];
    let refused = async |words: &[&str]| {
        let output = reset(&folder, &db).run().await?;
        assert_eq!(output.status, Some(1), "{output:?}");
        for word in words {
            assert!(output.stderr.contains(word), "{word}: {output:?}");
        }
        anyhow::Ok(())
    };
    if db.backend() == DbBackend::Postgres {
        let mut url = url::Url::parse(db.url())?;
        url.query_pairs_mut()
            .append_pair("application_name", "the-backend");
        let mut idle = PgConnection::connect(url.as_str()).await?;
        idle.execute("select 'a secret'").await?;
        refused(&words).await?;
        refused(&["application the-backend", "pg_terminate_backend"]).await?;
        let output = reset(&folder, &db).run().await?;
        assert!(!output.stderr.contains("a secret"), "{output:?}");
        idle.close().await?;
    } else {
        // Idle, with a rollback journal and with a write-ahead log.
        for journal in ["DELETE", "WAL"] {
            db.sql(&format!("PRAGMA journal_mode = {journal}")).await?;
            let mut idle = SqliteConnection::connect(db.url()).await?;
            idle.execute("select count(*) from jobs").await?;
            refused(&words).await?;
            idle.close().await?;
        }
    }
    settle(&db).await?;
    assert_eq!(hashes(&db).await?, before);
    Ok(())
}

async fn f21_what_depends_on_the_tables_keeps_them(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let key = if db.backend() == DbBackend::Postgres {
        "uuid"
    } else {
        "uuid_text"
    };
    db.sql(&format!(
        "create table notes (id integer primary key, job {key} references jobs (id) \
         on delete cascade)"
    ))
    .await?;
    if db.backend() == DbBackend::Postgres {
        db.sql("create schema reports; create view reports.open as select status from jobs")
            .await?;
    }
    let before = hashes(&db).await?;
    let output = reset(&folder, &db).run().await?;
    let mut words = vec!["depends on its tables", "foreign key `notes"];
    if db.backend() == DbBackend::Postgres {
        words.push("view `reports.open`");
    }
    assert_refused(&db, &folder, &before, &output, &words).await
}

async fn f21_tables_of_an_unknown_revision_are_not_dropped(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let newer = "m20990101_000001_from_the_future";
    db.sql(&format!(
        "insert into seaql_migrations values ('{newer}', 0)"
    ))
    .await?;
    let before = hashes(&db).await?;
    let output = reset(&folder, &db).run().await?;
    assert_refused(&db, &folder, &before, &output, &[newer, "release"]).await
}

async fn f21_somebody_elses_table_of_the_same_name_is_not_dropped(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    let down = outreach(&folder, &db).args(["migrate", "down", "-n", "8"]);
    assert_eq!(down.run().await?.status, Some(0));
    db.sql("create table settings (theme text); insert into settings values ('dark')")
        .await?;
    let before = hashes(&db).await?;
    let output = reset(&folder, &db).run().await?;
    let words = ["not outreach's", "`settings`", "rename them"];
    assert_refused(&db, &folder, &before, &output, &words).await
}

async fn f21_a_dry_run_changes_nothing(db: TestDb) -> anyhow::Result<()> {
    fill(&db).await?;
    let folder = folder()?;
    let before = hashes(&db).await?;
    let output = outreach(&folder, &db).args(["reset", "--dry-run"]);
    let output = output.run().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    assert!(output.stdout.contains("prospects"), "{output:?}");
    assert_eq!(hashes(&db).await?, before);
    assert!(!folder.path().join("backups").exists());
    Ok(())
}

async fn f21_every_reason_is_said_at_once(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let protect = outreach(&folder, &db).arg("protect");
    assert_eq!(protect.run().await?.status, Some(0));
    let before = hashes(&db).await?;
    let output = outreach(&folder, &db)
        .args(["reset", "--confirm", "x", "--environment", "dev"])
        .run()
        .await?;
    let words = [
        "was confirmed",
        "is protected",
        "`dev` was said",
        "3 reasons",
    ];
    assert_refused(&db, &folder, &before, &output, &words).await
}

async fn f21_a_database_that_is_not_outreachs_is_not_reset(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let tables = "create table jobs (id integer primary key, what text); \
         create table settings (key text primary key, value text); \
         insert into settings values ('a', 'b'); insert into jobs values (1, 'c')";
    db.sql(tables).await?;
    let before = hashes(&db).await?;
    let output = reset(&folder, &db).run().await?;
    let words = ["nothing says that this database is outreach's"];
    assert_refused(&db, &folder, &before, &output, &words).await
}

#[tokio::test]
async fn f21_sqlite_the_default_database_is_not_reset() -> anyhow::Result<()> {
    let folder = folder()?;
    let run = async |arguments: &[&str]| Outreach::new(&folder).args(arguments).run().await;
    assert_eq!(run(&["migrate", "up"]).await?.status, Some(0));
    let file = folder.path().join("outreach.db");
    let before = fs::read(&file)?;
    let output = run(&["reset", "--confirm", "outreach.db"]).await?;
    assert_eq!(output.status, Some(1), "{output:?}");
    assert!(output.stderr.contains("the default is not enough"));
    let output = run(&["reset", "--confirm", "outreach.db", "--drop-schema"]).await?;
    assert!(output.stderr.contains("no schema to drop"), "{output:?}");
    assert_eq!(fs::read(&file)?, before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f21_postgres_a_session_or_a_role_that_may_not_write_resets_nothing() -> anyhow::Result<()>
{
    let db = TestDb::postgres().await?;
    let folder = folder()?;
    let database = name(&db);
    let role = format!("{database}_reader");
    db.sql(&format!(
        "create role {role} login password 'secret'; grant usage on schema public to {role}; \
         grant select on all tables in schema public to {role}"
    ))
    .await?;
    let before = hashes(&db).await?;
    let mut url = url::Url::parse(db.url())?;
    assert!(url.set_username(&role).is_ok() && url.set_password(Some("secret")).is_ok());
    let output = reset(&folder, &db)
        .env("DATABASE_URL", url.as_str())
        .run()
        .await?;
    db.sql(&format!("drop owned by {role}; drop role {role}"))
        .await?;
    let words = ["may not create tables", "does not own: ", "prospects"];
    assert_refused(&db, &folder, &before, &output, &words).await?;

    let read_only = "set default_transaction_read_only = on";
    db.sql(&format!("alter database {database} {read_only}"))
        .await?;
    let output = reset(&folder, &db).run().await?;
    let words = ["default_transaction_read_only"];
    assert_refused(&db, &folder, &before, &output, &words).await
}
