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

#[tokio::test(flavor = "multi_thread")]
async fn postgres_f18_one_schema_beside_all_is_refused_or_said_not_to_be_used() -> anyhow::Result<()>
{
    let db = TestDb::empty_postgres().await?;
    let folder = tempfile::tempdir()?;
    let all = || {
        let program = Outreach::new(folder.path()).env("DATABASE_URL", db.url());
        program.args(["migrate", "up", "--all-schemas"])
    };
    let none = all().run().await?;
    assert_eq!(
        (none.status, none.stderr.as_str()),
        (Some(0), ""),
        "{none:?}"
    );
    assert!(
        none.stdout
            .contains("No schema of the database has a ledger"),
        "{none:?}"
    );
    assert!(
        none.stdout.contains("outreach migrate up --schema NAME"),
        "{none:?}"
    );

    Program::on(db.url())?
        .with(&["up", "-n", "1"])
        .env("DATABASE_SCHEMA", "a")
        .run()
        .await?;
    let refused = all().args(["--schema", "a"]).run().await?;
    assert_eq!((refused.status, refused.stdout.as_str()), (Some(1), ""));
    let words = "'--all-schemas' cannot be used with '--schema <NAME>'";
    assert!(refused.stderr.contains(words), "{refused:?}");
    assert_eq!(count(&db, "a").await?, 1);

    // It is not even there, and not made.
    let said = all().env("DATABASE_SCHEMA", "nobody").run().await?;
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(
        said.stderr
            .contains("DATABASE_SCHEMA (`nobody`) is not used"),
        "{said:?}"
    );
    assert_eq!(count(&db, "a").await?, i64::try_from(REVISIONS.len())?);
    let made = "select count(*) from pg_namespace where nspname = 'nobody'";
    assert_eq!(db.count(made).await?, 0);
    let unset = all().env("DATABASE_SCHEMA", "").run().await?;
    assert!(!unset.stderr.contains("not used"), "{unset:?}");
    Ok(())
}
