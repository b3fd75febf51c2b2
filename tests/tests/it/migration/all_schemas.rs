//! Every tenant of a database, brought to head by one command.

use outreach_migration::{REVISIONS, run};
use outreach_tests::{Outreach, TestDb};

use super::support::{Program, texts};

async fn count(db: &TestDb, schema: &str) -> anyhow::Result<i64> {
    db.count(&format!(
        "select count(*) from \"{schema}\".seaql_migrations"
    ))
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_f18_each_schema_goes_to_head_and_one_that_fails_stops_no_other()
-> anyhow::Result<()> {
    let db = TestDb::empty_postgres().await?;
    let program = Program::on(db.url())?;
    let tenants = ["a", "B \"x\"", "c", "d"];
    for (tenant, steps) in tenants.iter().zip(["1", "4", "5", "2"]) {
        let up = program
            .with(&["up", "-n", steps])
            .env("DATABASE_SCHEMA", tenant);
        assert_eq!(up.run().await?.status, Some(0));
    }
    // In the way of a later revision.
    db.sql("create table c.job_runs (id integer)").await?;
    // A ledger of another project, and an application without one.
    db.sql(
        "create schema other; create table other.seaql_migrations (version varchar, applied_at \
         bigint); insert into other.seaql_migrations values ('m2020_theirs', 0); \
         create schema plain; create table plain.notes (id integer)",
    )
    .await?;
    let pool = db.connect_plain().await?;
    let managed = run::managed_schemas(&pool).await?;
    assert_eq!(managed, ["B \"x\"", "a", "c", "d"]);

    let folder = tempfile::tempdir()?;
    let output = Outreach::new(folder.path())
        .env("DATABASE_URL", db.url())
        .args(["migrate", "up", "--all-schemas"])
        .run()
        .await?;

    assert_eq!(output.status, Some(2), "{output:?}");
    let last = output.stderr.lines().last().unwrap_or_default();
    assert!(
        last.contains("1 of 4 schemas could not be migrated: c"),
        "{output:?}"
    );
    assert!(output.stdout.contains("c: failed: ") && output.stdout.contains("job_runs"));
    let all = i64::try_from(REVISIONS.len())?;
    for tenant in ["a", "B \"\"x\"\"", "d"] {
        assert_eq!(count(&db, tenant).await?, all, "{tenant}");
    }
    assert_eq!(count(&db, "c").await?, 5);
    let foreign = db.sql("select version from other.seaql_migrations").await?;
    assert_eq!(texts(foreign), ["m2020_theirs"]);

    db.sql("drop table c.job_runs").await?;
    let again = Outreach::new(folder.path())
        .env("DATABASE_URL", db.url())
        .args(["migrate", "up", "--all-schemas", "--json"])
        .run()
        .await?;
    assert_eq!(again.status, Some(0), "{again:?}");
    assert_eq!(count(&db, "c").await?, all);
    Ok(())
}
