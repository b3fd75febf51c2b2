//! `outreach verify`.

use std::fs;

use anyhow::Context;
use outreach_migration::REVISIONS;
use outreach_tests::{Output, Outreach, TestDb, matrix_tests};
use sea_orm::DbBackend;
use serde_json::Value;

use super::{assert_one_line, contents, folder, outreach};

matrix_tests! {
    every_line_is_ticked_on_a_migrated_database_and_nothing_is_changed,
    a_missing_index_is_a_cross_and_so_is_a_partial_one_in_its_place,
    f47_a_missing_foreign_key_is_a_cross,
    f01_a_missing_table_is_a_cross,
    f06_a_revision_behind_or_ahead_is_a_cross,
    f17_a_ledger_of_alembic_is_a_line_too,
    a_job_that_can_not_run_is_a_cross,
    f22_a_write_that_fails_in_the_smoke_run_is_a_cross;
    on_empty:
    an_empty_database_has_crosses_and_stays_empty,
}

const LINES: [&str; 7] = [
    "five tables and four of outreach's own",
    "three foreign keys and one of outreach's own",
    "all indexes",
    "revision",
    "the application can start",
    "no aborted-transaction errors over a smoke run",
    "a discovery job runs",
];

async fn verify(db: &TestDb) -> anyhow::Result<Output> {
    outreach(&folder()?, db)
        .args(["verify", "--json"])
        .run()
        .await
}

/// The lines that have no tick, with their details.
fn crosses(output: &Output) -> anyhow::Result<Vec<(String, String)>> {
    let json: Value =
        serde_json::from_str(&output.stdout).with_context(|| format!("no JSON: {output:?}"))?;
    let lines = json["lines"].as_array().context("no lines")?;
    let names: Vec<_> = lines.iter().map(|line| line["name"].as_str()).collect();
    assert_eq!(names, LINES.map(Some));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let crosses: Vec<_> = lines
        .iter()
        .filter(|line| line["passed"] == false)
        .map(|line| (text(&line["name"]), text(&line["detail"])))
        .collect();
    assert_eq!(json["passed"], crosses.is_empty());
    Ok(crosses)
}

/// These lines have a cross, and no others; the first says this. The copy is
/// gone.
async fn assert_crosses(db: &TestDb, names: &[&str], words: &str) -> anyhow::Result<()> {
    let before = contents(db).await?;
    let output = verify(db).await?;
    let crosses = crosses(&output)?;
    let found: Vec<_> = crosses.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(found, names, "{crosses:#?}");
    assert!(crosses[0].1.contains(words), "{crosses:#?}");
    assert_eq!(output.status, Some(1), "{output:?}");
    assert_eq!(contents(db).await?, before);
    assert_no_copy(db, &output).await
}

/// The scratch database that the command named is not there any more.
async fn assert_no_copy(db: &TestDb, output: &Output) -> anyhow::Result<()> {
    if db.backend() != DbBackend::Postgres {
        return Ok(());
    }
    let name = scratch_name(&output.stderr).with_context(|| format!("no copy: {output:?}"))?;
    let left = format!("select count(*) from pg_database where datname = '{name}'");
    assert_eq!(db.count(&left).await?, 0, "{name}");
    Ok(())
}

fn scratch_name(said: &str) -> Option<&str> {
    let (_, url) = said.split_once("the scratch copy is ")?;
    url.lines().next()?.rsplit('/').next()?.split('?').next()
}

async fn every_line_is_ticked_on_a_migrated_database_and_nothing_is_changed(
    db: TestDb,
) -> anyhow::Result<()> {
    db.sql("create table somebodys_own (id integer); insert into somebodys_own values (1)")
        .await?;
    let before = contents(&db).await?;
    let file = db
        .url()
        .strip_prefix("sqlite://")
        .map(|path| path.split('?').next().unwrap_or_default().to_owned());
    let bytes = file.as_ref().map(fs::read).transpose()?;
    let folder = folder()?;

    let output = outreach(&folder, &db).arg("verify").run().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    let names: Vec<_> = output
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("✓ ")?.split(':').next())
        .collect();
    assert_eq!(names, LINES, "{output:?}");
    assert!(output.stderr.contains("scratch copy"), "{output:?}");
    assert!(!output.stderr.contains("Applying"), "{output:?}");
    assert_no_copy(&db, &output).await?;
    assert_eq!(crosses(&verify(&db).await?)?, []);

    assert_eq!(contents(&db).await?, before);
    assert_eq!(file.as_ref().map(fs::read).transpose()?, bytes);
    assert_eq!(fs::read_dir(&folder)?.count(), 0);
    Ok(())
}

async fn a_missing_index_is_a_cross_and_so_is_a_partial_one_in_its_place(
    db: TestDb,
) -> anyhow::Result<()> {
    db.sql("drop index ix_prospects_created_at").await?;
    assert_crosses(&db, &["all indexes"], "lacks prospects (created_at)").await?;
    db.sql(
        "create index ix_prospects_created_at on prospects (created_at) \
         where created_at is not null",
    )
    .await?;
    assert_crosses(&db, &["all indexes"], "lacks prospects (created_at)").await?;
    // By what it is, not by its name.
    db.sql("create index another on prospects (created_at)")
        .await?;
    assert_eq!(crosses(&verify(&db).await?)?, []);
    Ok(())
}

async fn f47_a_missing_foreign_key_is_a_cross(db: TestDb) -> anyhow::Result<()> {
    let drop = match db.backend() {
        DbBackend::Sqlite => {
            "pragma writable_schema = on; update sqlite_master set sql = replace(sql, \
             'FOREIGN KEY (\"prospect_id\") REFERENCES \"prospects\" (\"id\")', 'CHECK (1)') \
             where name = 'email_logs'; pragma writable_schema = reset"
        }
        _ => "alter table email_logs drop constraint email_logs_prospect_id_fkey",
    };
    db.sql(drop).await?;
    let words = "lacks email_logs (prospect_id) to prospects (id)";
    assert_crosses(&db, &[LINES[1]], words).await
}

async fn f01_a_missing_table_is_a_cross(db: TestDb) -> anyhow::Result<()> {
    db.sql("drop table settings").await?;
    let names = [LINES[0], LINES[2], LINES[4], LINES[5], LINES[6]];
    assert_crosses(&db, &names, "lacks settings").await
}

async fn f06_a_revision_behind_or_ahead_is_a_cross(db: TestDb) -> anyhow::Result<()> {
    let newer = "m20990101_000001_from_the_future";
    db.sql(&format!(
        "insert into seaql_migrations values ('{newer}', 0)"
    ))
    .await?;
    assert_crosses(&db, &LINES[3..], newer).await?;
    db.sql(&format!(
        "delete from seaql_migrations where version = '{newer}'"
    ))
    .await?;
    // To the second revision, so that something of each line is missing.
    let steps = (REVISIONS.len() - 2).to_string();
    let folder = folder()?;
    let down = outreach(&folder, &db)
        .args(["migrate", "down", "-n", &steps])
        .run()
        .await?;
    assert_eq!(down.status, Some(0), "{down:?}");
    assert_crosses(
        &db,
        &LINES,
        "lacks database_properties; discovery_queries; job_runs",
    )
    .await
}

async fn f17_a_ledger_of_alembic_is_a_line_too(db: TestDb) -> anyhow::Result<()> {
    db.sql("create table alembic_version (version_num varchar(32) not null primary key)")
        .await?;
    assert_crosses(&db, &["revision"], "holds [] where [556b79de2825]").await?;
    db.sql("insert into alembic_version values ('556b79de2825')")
        .await?;
    assert_eq!(crosses(&verify(&db).await?)?, []);
    db.sql("insert into alembic_version values ('000000000000')")
        .await?;
    let words = "holds [000000000000, 556b79de2825]";
    assert_crosses(&db, &["revision"], words).await
}

async fn a_job_that_can_not_run_is_a_cross(db: TestDb) -> anyhow::Result<()> {
    let refuse = match db.backend() {
        DbBackend::Sqlite => {
            "create trigger t before insert on discovery_queries \
             begin select raise(abort, 'no_queries'); end"
        }
        _ => "alter table discovery_queries add constraint no_queries check (results_found < 0)",
    };
    db.sql(refuse).await?;
    assert_crosses(&db, &["a discovery job runs"], "no_queries").await
}

async fn f22_a_write_that_fails_in_the_smoke_run_is_a_cross(db: TestDb) -> anyhow::Result<()> {
    let refuse = match db.backend() {
        DbBackend::Sqlite => {
            "create trigger t before update on jobs when new.status = 'cancelled' \
             begin select raise(abort, 'no_cancelling'); end"
        }
        _ => "alter table jobs add constraint no_cancelling check (status <> 'cancelled')",
    };
    db.sql(refuse).await?;
    assert_crosses(&db, &[LINES[5]], "no_cancelling").await
}

async fn an_empty_database_has_crosses_and_stays_empty(db: TestDb) -> anyhow::Result<()> {
    // The file is made by the first connection.
    assert_eq!(db.count("select 1").await?, 1);
    assert_crosses(
        &db,
        &LINES,
        "lacks database_properties; discovery_queries; email_logs",
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_looked_at_is_status_2() -> anyhow::Result<()> {
    let folder = folder()?;
    let output = Outreach::new(&folder).arg("verify").run().await?;
    assert_one_line(&output, 2, &["`outreach.db` does not exist"]);
    let nowhere = Outreach::new(&folder).args(["verify", "-u", "postgres://u@127.0.0.1:1/d"]);
    assert_one_line(
        &nowhere.run().await?,
        2,
        &["cannot connect", "no server listens there", "refused"],
    );
    let memory = Outreach::new(&folder).args(["verify", "-u", "sqlite::memory:"]);
    assert_one_line(&memory.run().await?, 2, &["in memory", "--database"]);
    assert_eq!(fs::read_dir(&folder)?.count(), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_f08_a_role_that_may_make_nothing_has_lines_that_were_not_looked_at()
-> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    let role = format!("plain_{}", uuid::Uuid::new_v4().simple());
    db.sql(&format!(
        "create role {role} login password 'p'; grant usage on schema public to {role}; \
         grant select on all tables in schema public to {role}"
    ))
    .await?;
    let mut url = url::Url::parse(db.url())?;
    url.set_username(&role).unwrap();
    url.set_password(Some("p")).unwrap();
    let folder = folder()?;
    let run = Outreach::new(&folder).env("DATABASE_URL", url.as_str());
    let output = run.arg("verify").run().await?;
    assert_eq!(output.status, Some(2), "{output:?}");
    let marks: String = output
        .stdout
        .lines()
        .filter_map(|line| line.chars().next())
        .collect();
    assert_eq!(marks, "✓✓✓✓✓??", "{output:?}");
    assert!(output.stdout.contains("ready, read-only"), "{output:?}");
    assert!(output.stdout.contains("CREATEDB"), "{output:?}");
    // The report says the same, and does not call it a finding.
    let run = Outreach::new(&folder).env("DATABASE_URL", url.as_str());
    let report = run.args(["audit", "--format", "markdown"]).run().await?;
    assert_eq!(report.status, Some(2), "{report:?}");
    assert!(report.stdout.contains("**Incomplete**"), "{report:?}");
    let unseen = "- ❔ a discovery job runs: not looked at: ";
    assert!(report.stdout.contains(unseen), "{report:?}");
    assert!(!report.stdout.contains("❌"), "{report:?}");
    assert!(
        report.stderr.contains("2 lines of the checklist"),
        "{report:?}"
    );
    db.sql(&format!("drop owned by {role}; drop role {role}"))
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_ctrl_c_removes_the_scratch_copy() -> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    // Holds the run up until it is interrupted.
    db.sql(
        "create function hold() returns trigger language plpgsql as \
         $$ begin perform pg_sleep(600); return new; end $$; \
         create trigger hold before insert on jobs for each row execute function hold()",
    )
    .await?;
    let folder = folder()?;
    let mut running = outreach(&folder, &db).arg("verify").spawn()?;
    let line = running.wait_for_stderr("the scratch copy is ").await?;
    let name = scratch_name(&line).context("no name")?.to_owned();
    let there = format!("select count(*) from pg_database where datname = '{name}'");
    assert_eq!(db.count(&there).await?, 1);
    running.signal("INT").await?;
    let output = running.wait().await?;
    assert_eq!(
        (output.status, &*output.stdout),
        (Some(2), ""),
        "{output:?}"
    );
    assert!(output.stderr.contains("error: interrupted"), "{output:?}");
    assert_eq!(db.count(&there).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_a_schema_of_its_own_is_verified_alone() -> anyhow::Result<()> {
    let db = TestDb::empty_postgres().await?;
    let folder = folder()?;
    let tenant = |words: &[&str]| {
        outreach(&folder, &db)
            .args(["--schema", "Tenant \"7\""])
            .args(words)
    };
    let up = tenant(&["migrate", "up"]).run().await?;
    assert_eq!(up.status, Some(0), "{up:?}");
    let output = tenant(&["verify", "--json"]).run().await?;
    assert_eq!(crosses(&output)?, []);
    assert_eq!(output.status, Some(0), "{output:?}");
    assert_no_copy(&db, &output).await
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_a_foreign_key_that_is_switched_off_is_a_cross_and_a_finding() -> anyhow::Result<()>
{
    let db = TestDb::postgres().await?;
    db.sql("alter table email_logs disable trigger all").await?;
    let output = verify(&db).await?;
    let crosses = crosses(&output)?;
    assert_eq!(crosses[0].0, LINES[1], "{crosses:#?}");
    assert!(
        crosses[0]
            .1
            .contains("email_logs (prospect_id) to prospects (id)"),
        "{crosses:#?}"
    );
    assert_eq!(output.status, Some(1), "{output:?}");
    let audit = outreach(&folder()?, &db).arg("audit").run().await?;
    assert_eq!(audit.status, Some(1), "{audit:?}");
    assert!(audit.stdout.contains("foreign-key-changed"), "{audit:?}");
    assert!(audit.stdout.contains("NOT ENFORCED"), "{audit:?}");
    Ok(())
}
