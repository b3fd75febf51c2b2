//! What is not adopted: nothing is changed, no backup is made, and the remedy is
//! named.

use outreach_tests::{TestDb, matrix_tests};
use sea_orm::DbBackend;

use super::{
    conflicts,
    databases::{Contents, alembic},
    folder, plan, run,
};
use crate::migration::{facts::facts, support::MIRRORED};

matrix_tests! {
    on_empty:
    f02_what_no_revision_has_left_is_refused_with_its_remedy,
    f17_a_ledger_that_does_not_fit_is_refused_with_its_remedy,
}

/// A change, how it is undone, the state and the words of the conflict.
type Case = (&'static str, &'static str, &'static str, [&'static str; 2]);

const TABLES: [Case; 4] = [
    (
        "alter table prospects rename column page_title to heading",
        "alter table prospects rename column heading to page_title",
        "drifted",
        [
            "prospects.page_title: ",
            "RENAME COLUMN \"heading\" TO \"page_title\"",
        ],
    ),
    (
        "alter table jobs add column notes text; update jobs set notes = 'x'",
        "alter table jobs drop column notes",
        "drifted",
        [
            "jobs.notes: no revision has it, and 1000 rows",
            "DROP COLUMN \"notes\"",
        ],
    ),
    (
        "alter table settings rename to old_settings",
        "alter table old_settings rename to settings",
        "unknown",
        ["settings: the table is missing", "restore it from a backup"],
    ),
    (
        "create table job_runs (job_id integer)",
        "drop table job_runs",
        "unknown",
        [
            "job_runs: a table of this name comes with a later revision",
            "rename it",
        ],
    ),
];

const LEDGERS: [Case; 4] = [
    (
        "update alembic_version set version_num = '99ffff000000'",
        "update alembic_version set version_num = '556b79de2825'",
        "unknown",
        [
            "names revision `99ffff000000`, which this build does not know",
            "a release of outreach",
        ],
    ),
    (
        "insert into alembic_version values ('add_discovery_query')",
        "delete from alembic_version where version_num = 'add_discovery_query'",
        "unknown",
        ["it has several rows", "alembic stamp --purge 556b79de2825"],
    ),
    (
        "update alembic_version set version_num = 'add_discovery_query'",
        "update alembic_version set version_num = '556b79de2825'",
        "unknown",
        ["nearest to `556b79de2825`", "alembic stamp 556b79de2825"],
    ),
    (
        "create table seaql_migrations (version varchar primary key, applied_at bigint not null); \
         insert into seaql_migrations values ('m20990101_000001_future', 1)",
        "drop table seaql_migrations",
        "unknown",
        ["m20990101_000001_future", "the release that applied it"],
    ),
];

async fn f02_what_no_revision_has_left_is_refused_with_its_remedy(
    db: TestDb,
) -> anyhow::Result<()> {
    all(&db, &TABLES).await?;
    if db.backend() == DbBackend::Postgres {
        lossy(&db).await?;
    }
    Ok(())
}

/// Some values can't be taken to the revision's type and back.
async fn lossy(db: &TestDb) -> anyhow::Result<()> {
    let change = "alter table prospects alter score type double precision; \
         update prospects set score = 1.23456 where domain = 'd1.example.com'";
    let words = [
        "1 rows would change from double precision to numeric(5,2)",
        "prospects.score",
    ];
    refused(db, change, "drifted", &words).await?;
    let change = "alter table prospects alter score type text using 'none'";
    let words = [
        "not every value of text is one of numeric(5,2)",
        "prospects.score",
    ];
    refused(db, change, "drifted", &words).await
}

async fn f17_a_ledger_that_does_not_fit_is_refused_with_its_remedy(
    db: TestDb,
) -> anyhow::Result<()> {
    all(&db, &LEDGERS).await
}

async fn all(db: &TestDb, cases: &[Case]) -> anyhow::Result<()> {
    alembic(db, MIRRORED, true).await?;
    for (change, undo, state, words) in cases {
        refused(db, change, state, words).await?;
        db.sql(undo).await?;
    }
    assert_eq!(conflicts(&plan(&folder()?, db, 0).await?), [""; 0]);
    Ok(())
}

async fn refused(db: &TestDb, change: &str, state: &str, words: &[&str]) -> anyhow::Result<()> {
    let folder = folder()?;
    db.sql(change).await?;
    let before = (facts(db).await?, Contents::of(db).await?);
    let plan = plan(&folder, db, 1).await?;
    assert_eq!(plan["state"], state, "{change}");
    let conflicts = conflicts(&plan).join("\n");
    for word in words {
        assert!(conflicts.contains(word), "no `{word}` in {conflicts}");
    }
    let output = run(&folder, db, &["--yes"]).await?;
    assert_eq!(output.status, Some(1), "{output:?}");
    assert!(output.stdout.contains("\nConflicts\n"), "{output:?}");
    assert!(output.stderr.contains("nothing was changed"), "{output:?}");
    assert!(!folder.path().join("backups").exists());
    assert!(
        (facts(db).await?, Contents::of(db).await?) == before,
        "{change}"
    );
    Ok(())
}
