//! The limits that are given hold, whatever is done. PostgreSQL only: SQLite has
//! no tables to lock.

use outreach_tests::{Outreach, TestDb};
use sea_orm::sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;

use super::{hashes, name, settle};
use crate::{
    adopt::databases::alembic,
    backup::{create, folder, options, outreach},
    migration::support::MIRRORED,
};

/// The commands, each with a database that it would do something to.
async fn commands() -> anyhow::Result<Vec<(TestDb, TempDir, Outreach)>> {
    let mut commands = Vec::new();
    for words in [&["reset"][..], &["restore", "--replace"], &["adopt"]] {
        let db = if words[0] == "adopt" {
            let db = TestDb::empty_postgres().await?;
            alembic(&db, MIRRORED, false).await?;
            db
        } else {
            TestDb::postgres().await?
        };
        let folder = folder()?;
        let mut command = outreach(&folder, &db).args(words);
        if words[0] == "adopt" {
            command = command.arg("--yes");
        } else {
            command = command.args(["--allow-sessions", "--confirm", &name(&db)]);
        }
        if words[0] == "restore" {
            let made = create(&options(&db), &folder.path().join("made")).await?;
            command = command.arg(made.path);
        }
        settle(&db).await?;
        commands.push((db, folder, command));
    }
    Ok(commands)
}

#[tokio::test(flavor = "multi_thread")]
async fn f19_postgres_a_held_table_is_waited_for_no_longer_than_was_said() -> anyhow::Result<()> {
    for (db, _folder, command) in commands().await? {
        let before = hashes(&db).await?;
        let mut holder = PgConnection::connect(db.url()).await?;
        holder
            .execute("BEGIN; UPDATE jobs SET status = 'failed'")
            .await?;
        for (limits, word) in [
            (
                ["--lock-timeout", "1", "--statement-timeout", "0"],
                "lock timeout",
            ),
            (
                ["--lock-timeout", "0", "--statement-timeout", "1"],
                "statement timeout",
            ),
        ] {
            let output = command.clone().args(limits).run().await?;
            assert_eq!(output.status, Some(2), "{output:?}");
            assert!(output.stderr.contains(word), "no `{word}` in {output:?}");
        }
        holder.close().await?;
        settle(&db).await?;
        assert_eq!(hashes(&db).await?, before);
    }
    Ok(())
}

/// Every statement that makes or drops something is refused unless these are its
/// limits.
const WATCH: &str = "create schema watch; \
     create function watch.limits() returns event_trigger language plpgsql as $$ declare \
     limits text = current_setting('lock_timeout') || ' ' || current_setting('statement_timeout'); \
     begin if limits <> '7s 77s' then raise exception 'the limits are %', limits; end if; end $$; \
     create event trigger watch on ddl_command_start execute function watch.limits()";

#[tokio::test(flavor = "multi_thread")]
async fn f19_postgres_the_limits_hold_for_each_statement() -> anyhow::Result<()> {
    for (db, _folder, command) in commands().await? {
        db.sql(WATCH).await?;
        settle(&db).await?;
        // Those of the environment are for `migrate`.
        let command = command.env("OUTREACH_LOCK_TIMEOUT", "8");
        let limits = ["--lock-timeout", "7", "--statement-timeout", "77"];
        let output = command.args(limits).run().await?;
        assert_eq!(output.status, Some(0), "{output:?}");
    }
    Ok(())
}
