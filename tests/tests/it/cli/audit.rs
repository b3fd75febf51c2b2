//! `outreach audit`.

use std::collections::BTreeSet;

use anyhow::Context;
use outreach_migration::{Migrator, MigratorTrait};
use outreach_tests::{Output, Outreach, TestDb, matrix_tests};
use sea_orm::DbBackend;
use serde_json::Value;

use super::{assert_one_line, contents, folder, outreach};

matrix_tests! {
    f04_a_migrated_database_is_clean,
    f05_a_missing_column_is_named_and_blamed_on_the_database,
    f09_a_revision_that_nobody_knows_is_found,
    f17_a_ledger_of_alembic_with_two_rows_is_found,
    a_revision_that_was_edited_after_it_was_applied_is_found,
    tables_of_the_application_are_left_out_by_name,
    rows_are_looked_at_when_they_are_asked_for,
    the_report_has_its_sections_and_a_real_checklist,
    each_format_says_the_same,
    a_step_that_was_just_done_is_not_named_again;
    on_empty:
    f06_an_empty_database_is_one_with_findings,
    the_report_on_an_older_revision_has_its_checklist_too,
}

/// The report of a run that looked, as JSON.
async fn report(db: &TestDb, arguments: &[&str], status: i32) -> anyhow::Result<Value> {
    let folder = folder()?;
    let output = outreach(&folder, db)
        .args(["audit", "--format", "json"])
        .args(arguments)
        .run()
        .await?;
    assert_eq!(output.status, Some(status), "{output:?}");
    serde_json::from_str(&output.stdout).with_context(|| format!("no JSON: {output:?}"))
}

/// The findings of a report as `code object`, without the schema's name.
fn findings(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().expect("a list").iter();
    let text = |finding: &Value| {
        let object = finding["object"].as_str().unwrap_or_default();
        let object = object.split_once('.').map_or(object, |(first, rest)| {
            if ["public", "main"].contains(&first) {
                rest
            } else {
                object
            }
        });
        format!("{} {object}", finding["code"].as_str().unwrap_or_default())
    };
    findings.map(text).collect()
}

async fn f04_a_migrated_database_is_clean(db: TestDb) -> anyhow::Result<()> {
    let report = report(&db, &["--data"], 0).await?;
    assert_eq!(report["status"], "clean");
    assert_eq!(findings(&report), [""; 0]);
    assert_eq!(report["compared"].as_array().map(Vec::len), Some(9));
    let folder = folder()?;
    let text = outreach(&folder, &db).arg("audit").run().await?;
    assert_eq!((text.status, text.stderr.as_str()), (Some(0), ""));
    assert!(text.stdout.lines().count() <= 24, "{}", text.stdout);
    Ok(())
}

async fn f05_a_missing_column_is_named_and_blamed_on_the_database(
    db: TestDb,
) -> anyhow::Result<()> {
    db.sql("alter table settings drop column value").await?;
    let report = report(&db, &[], 1).await?;
    assert_eq!(findings(&report), ["column-missing settings.value"]);
    assert_eq!(report["findings"][0]["side"], "database");
    assert_eq!(report["status"], "findings");
    Ok(())
}

async fn f06_an_empty_database_is_one_with_findings(db: TestDb) -> anyhow::Result<()> {
    // The file has to be there.
    db.sql("create table own (id integer)").await?;
    let report = report(&db, &["--ignore", "own"], 1).await?;
    let found = findings(&report);
    assert!(found.contains(&"ledger-missing seaql_migrations".to_owned()));
    assert!(found.contains(&"table-missing prospects".to_owned()));
    assert_eq!(found.len(), 10, "{found:?}");
    assert_eq!(
        report["next_steps"],
        serde_json::json!(["`outreach migrate up`"])
    );
    Ok(())
}

async fn a_step_that_was_just_done_is_not_named_again(db: TestDb) -> anyhow::Result<()> {
    db.sql("drop index ix_prospects_score_created_at_id")
        .await?;
    let first = async |arguments: &[&str]| {
        let steps = report(&db, arguments, 1).await?["next_steps"].take();
        anyhow::Ok(steps[0].as_str().unwrap_or_default().to_owned())
    };
    assert!(
        first(&[])
            .await?
            .starts_with("`outreach audit --repair` prints")
    );
    assert!(
        first(&["--repair"])
            .await?
            .starts_with("`outreach audit --prove` tries")
    );
    let proved = first(&["--repair", "--prove"]).await?;
    assert!(proved.starts_with("run the SQL of the repair"), "{proved}");
    Ok(())
}

async fn f09_a_revision_that_nobody_knows_is_found(db: TestDb) -> anyhow::Result<()> {
    db.sql("insert into seaql_migrations values ('m20990101_000001_future', 0)")
        .await?;
    let found = findings(&report(&db, &[], 1).await?);
    assert_eq!(
        found,
        ["revision-unknown seaql_migrations.m20990101_000001_future"]
    );
    Ok(())
}

async fn f17_a_ledger_of_alembic_with_two_rows_is_found(db: TestDb) -> anyhow::Result<()> {
    db.sql("create table alembic_version (version_num varchar(32) primary key)")
        .await?;
    db.sql("insert into alembic_version values ('556b79de2825')")
        .await?;
    assert_eq!(findings(&report(&db, &[], 0).await?), [""; 0]);
    db.sql("insert into alembic_version values ('000000000000')")
        .await?;
    let found = findings(&report(&db, &[], 1).await?);
    assert_eq!(found, ["foreign-ledger-several alembic_version"]);
    Ok(())
}

async fn a_revision_that_was_edited_after_it_was_applied_is_found(
    db: TestDb,
) -> anyhow::Result<()> {
    let revision = "m20260101_000002_create_job_runs";
    db.sql(&format!(
        "update revision_checksums set checksum = 'other' where version >= '{revision}'"
    ))
    .await?;
    let found = findings(&report(&db, &[], 1).await?);
    assert_eq!(
        found,
        [format!("revision-changed seaql_migrations.{revision}")]
    );
    Ok(())
}

async fn tables_of_the_application_are_left_out_by_name(db: TestDb) -> anyhow::Result<()> {
    db.sql("create table campaigns (id integer primary key)")
        .await?;
    let found = findings(&report(&db, &[], 1).await?);
    assert_eq!(found, ["table-unexpected campaigns"]);
    let report = report(&db, &["--ignore", "campaigns"], 0).await?;
    assert_eq!(findings(&report), [""; 0]);
    Ok(())
}

async fn rows_are_looked_at_when_they_are_asked_for(db: TestDb) -> anyhow::Result<()> {
    let id = match db.backend() {
        DbBackend::Sqlite => "randomblob(16)",
        _ => "gen_random_uuid()",
    };
    db.sql(&format!(
        "insert into jobs (id, job_type, status) values ({id}, 'discover', 'lost')"
    ))
    .await?;
    assert_eq!(findings(&report(&db, &[], 0).await?), [""; 0]);
    let report = report(&db, &["--data"], 1).await?;
    let finding = &report["findings"][0];
    assert_eq!(finding["code"], "job-status-unknown");
    assert_eq!(finding["count"], 1);
    assert_eq!(finding["examples"].as_array().map(Vec::len), Some(1));
    assert!(finding["remedy"].is_string());
    Ok(())
}

async fn the_report_has_its_sections_and_a_real_checklist(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    db.sql("drop index ix_prospects_outreach_status").await?;
    let run = outreach(&folder, &db)
        .args(["audit", "--format", "markdown"])
        .run()
        .await?;
    assert_eq!(run.status, Some(1), "{run:?}");
    let sections: Vec<&str> = run
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    assert_eq!(
        sections,
        [
            "Executive summary",
            "What works",
            "Critical issues",
            "Schema health",
            "Pipeline viability",
            "Transaction safety",
            "Migration completeness",
            "The chain",
            "Verification checklist",
            "Next steps",
        ]
    );
    assert!(run.stdout.contains("- ❌ all indexes"), "{}", run.stdout);
    assert!(run.stdout.contains("- ✅ five tables"), "{}", run.stdout);
    Ok(())
}

/// The lines of the checklist of a report on the mirrored head, which ends so.
async fn checklist_of_mirrored_head(db: &TestDb, status: i32) -> anyhow::Result<Vec<String>> {
    let folder = folder()?;
    let run = outreach(&folder, db)
        .args([
            "audit",
            "--format",
            "markdown",
            "--revision",
            "556b79de2825",
        ])
        .run()
        .await?;
    assert_eq!(run.status, Some(status), "{run:?}");
    let lines = run.stdout.split_once("## Verification checklist\n");
    let (_, lines) = lines.context("no checklist")?;
    let lines = lines.lines().filter(|line| line.starts_with("- "));
    Ok(lines.map(str::to_owned).collect())
}

async fn the_report_on_an_older_revision_has_its_checklist_too(db: TestDb) -> anyhow::Result<()> {
    let pool = db.connect_plain().await?;
    Migrator::up(&pool, Some(4)).await?;
    pool.close().await?;
    let before = contents(&db).await?;
    let lines = checklist_of_mirrored_head(&db, 0).await?;
    assert_eq!(lines.len(), 7, "{lines:#?}");
    assert!(
        lines.iter().all(|line| line.starts_with("- ✅ ")),
        "{lines:#?}"
    );
    assert!(lines[0].starts_with("- ✅ five tables: "), "{lines:#?}");
    assert!(
        lines[1].starts_with("- ✅ three foreign keys: "),
        "{lines:#?}"
    );
    assert!(lines[6].contains("once migrated: "), "{lines:#?}");
    assert_eq!(contents(&db).await?, before);

    // As Alembic would have left it, and then with something missing.
    db.sql(
        "drop table seaql_migrations; \
         create table alembic_version (version_num varchar(32) not null primary key); \
         insert into alembic_version values ('556b79de2825')",
    )
    .await?;
    let lines = checklist_of_mirrored_head(&db, 0).await?;
    assert!(lines[3].contains("not there yet"), "{lines:#?}");
    db.sql("update alembic_version set version_num = '4b9608290b5d'; drop table email_logs")
        .await?;
    let lines = checklist_of_mirrored_head(&db, 1).await?;
    let crosses: String = lines.iter().map(|line| &line[2..5]).collect();
    assert_eq!(crosses, "❌❌❌❌❌❌❌", "{lines:#?}");
    Ok(())
}

#[tokio::test]
async fn options_that_mean_nothing_are_told() -> anyhow::Result<()> {
    let folder = folder()?;
    let run = async |arguments: &[&str]| Outreach::new(&folder).args(arguments).run().await;
    let up = run(&["migrate", "up"]).await?;
    assert_eq!(up.status, Some(0), "{up:?}");
    let ignored = run(&["audit", "--ignore", "no\u{1b}such"]).await?;
    assert_eq!(ignored.status, Some(0), "{ignored:?}");
    assert!(
        ignored
            .stderr
            .contains("--ignore `no\\u{1b}such`: there is no table"),
        "{ignored:?}"
    );
    let label = "column-unexpected jobs.nope";
    let unknown = run(&["audit", "--repair", "--destructive", label]).await?;
    assert_eq!(unknown.status, Some(0), "{unknown:?}");
    assert!(unknown.stderr.contains(label), "{unknown:?}");
    assert!(
        unknown.stdout.contains("Repair: nothing to mend"),
        "{unknown:?}"
    );
    let alone = run(&["audit", "--destructive", "all"]).await?;
    assert_eq!(alone.status, Some(2), "{alone:?}");
    assert!(alone.stderr.contains("--repair"), "{alone:?}");
    Ok(())
}

async fn each_format_says_the_same(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    db.sql("drop index ix_prospects_outreach_status").await?;
    let before = contents(&db).await?;
    for (format, word) in [
        ("text", "index-missing"),
        ("json", "\"index-missing\""),
        ("sarif", "\"ruleId\": \"index-missing\""),
        ("junit", "index-missing"),
        ("github", "::error "),
    ] {
        let run = outreach(&folder, &db)
            .args(["audit", "--format", format])
            .run()
            .await?;
        assert_eq!(run.status, Some(1), "{format}: {run:?}");
        assert!(run.stdout.contains(word), "{format}: {}", run.stdout);
        assert!(
            run.stdout.contains("ix_prospects_outreach_status"),
            "{format}"
        );
    }
    assert_eq!(contents(&db).await?, before);
    Ok(())
}

#[tokio::test]
async fn what_keeps_it_from_looking_is_status_2() -> anyhow::Result<()> {
    let folder = folder()?;
    let run = async |arguments: &[&str]| -> anyhow::Result<Output> {
        Outreach::new(&folder)
            .arg("audit")
            .args(arguments)
            .run()
            .await
    };
    assert_one_line(&run(&["-u", "sqlite://none.db"]).await?, 2, &["none.db"]);
    assert_one_line(&run(&["-u", "mysql://a"]).await?, 2, &["mysql"]);
    let memory = run(&["-u", "sqlite::memory:"]).await?;
    assert_one_line(&memory, 2, &["in memory", "--database"]);
    let shared = run(&["-u", "sqlite:file:x?mode=memory"]).await?;
    assert_one_line(&shared, 2, &["in memory", "--database"]);
    let wrong = run(&["--revision", "nope"]).await?;
    assert_eq!(wrong.status, Some(2), "{wrong:?}");
    assert!(wrong.stderr.contains("migrate history"), "{wrong:?}");
    std::fs::write(
        folder.path().join("text.db"),
        "not a database, but long enough",
    )?;
    let text = run(&["-u", "sqlite://text.db"]).await?;
    assert_one_line(&text, 2, &["text.db"]);
    Ok(())
}

/// What makes the schema of the mirrored head that of the models' `create_all`.
pub(crate) const CREATE_ALL: &str = "
    drop table seaql_migrations;
    alter table jobs alter status drop not null, alter status drop default;
    alter table discovery_queries
        alter status drop not null, alter status drop default,
        alter results_found drop not null, alter results_found drop default,
        alter results_saved drop not null, alter results_saved drop default,
        alter results_skipped_duplicate drop not null,
        alter results_skipped_duplicate drop default,
        alter results_skipped_existing drop not null,
        alter results_skipped_existing drop default;
    alter table prospects
        alter score drop default, alter outreach_status drop default,
        alter followups_sent drop default,
        drop constraint fk_prospects_discovery_query_id;
    drop index ix_prospects_discovery_query_id;
    alter table prospects rename discovery_query_id to old;
    alter table prospects add discovery_query_id uuid
        references discovery_queries (id);
    alter table prospects drop old;
    alter table prospects rename created_at to old;
    alter table prospects add created_at timestamptz default now();
    update prospects set created_at = old;
    drop index ix_prospects_created_at;
    alter table prospects drop old;
    create index ix_prospects_created_at on prospects (created_at);
    create index ix_prospects_discovery_query_id on prospects (discovery_query_id);
    alter table settings drop constraint uq_settings_key;
    drop index ix_settings_key;
    create unique index ix_settings_key on settings (key);
";

/// Rows with the NULLs that such a database has.
const ROWS: &str = "
    insert into jobs (id, job_type, status)
        select gen_random_uuid(), 'discover', case when n % 2 = 0 then 'completed' end
        from generate_series(1, 100) n;
    insert into discovery_queries (id, job_id, keyword, location)
        select gen_random_uuid(), id, 'blog', 'usa' from jobs;
    insert into prospects (id, domain, discovery_query_id)
        select gen_random_uuid(), 'd' || row_number() over () || '.com', id from discovery_queries;
    insert into settings (id, key) values (gen_random_uuid(), 'automation');
";

/// The differences of `create_all` from the mirrored head.
const DIFFERENCES: [&str; 20] = [
    "nullability-changed discovery_queries.results_found",
    "default-changed discovery_queries.results_found",
    "nullability-changed discovery_queries.results_saved",
    "default-changed discovery_queries.results_saved",
    "nullability-changed discovery_queries.results_skipped_duplicate",
    "default-changed discovery_queries.results_skipped_duplicate",
    "nullability-changed discovery_queries.results_skipped_existing",
    "default-changed discovery_queries.results_skipped_existing",
    "nullability-changed discovery_queries.status",
    "default-changed discovery_queries.status",
    "nullability-changed jobs.status",
    "default-changed jobs.status",
    "column-order-changed prospects",
    "default-changed prospects.followups_sent",
    "default-changed prospects.outreach_status",
    "default-changed prospects.score",
    "comment-changed prospects.discovery_query_id",
    "foreign-key-changed prospects.fk_prospects_discovery_query_id",
    "unique-missing settings.uq_settings_key",
    "index-changed settings.ix_settings_key",
];

async fn create_all() -> anyhow::Result<TestDb> {
    let db = TestDb::empty_postgres().await?;
    let pool = db.connect_plain().await?;
    Migrator::up(&pool, Some(4)).await?;
    pool.close().await?;
    db.sql(CREATE_ALL).await?;
    db.sql(ROWS).await?;
    Ok(db)
}

#[tokio::test]
async fn f03_create_all_differs_from_the_mirrored_head_by_what_is_known_and_no_more()
-> anyhow::Result<()> {
    let db = create_all().await?;
    let report = report(&db, &["--revision", "556b79de2825"], 1).await?;
    let found: BTreeSet<String> = findings(&report).into_iter().collect();
    let known: BTreeSet<String> = DIFFERENCES.map(str::to_owned).into();
    assert_eq!(found, known);
    assert_eq!(findings(&report).len(), known.len());
    assert_eq!(report["counts"]["info"], 1, "the order of columns");
    Ok(())
}

#[tokio::test]
async fn f39_a_repaired_create_all_is_clean_and_has_lost_no_row() -> anyhow::Result<()> {
    const COUNTS: &str = "select (select count(*) from jobs)::text, \
        (select count(*) from discovery_queries)::text, \
        (select count(*) from prospects where discovery_query_id is not null)::text, \
        (select count(*) from settings)::text, \
        (select md5(string_agg(domain, ',' order by id)) from prospects)";
    let db = create_all().await?;
    let before = db.sql(COUNTS).await?;
    let folder = folder()?;
    let run = outreach(&folder, &db)
        .args(["audit", "--revision", "556b79de2825", "--repair"])
        .run()
        .await?;
    let plan = run.stdout.split_once("\nRepair\n").context("a plan")?.1;
    let sql = plan.split_once("COMMIT;").context("its end")?.0;
    db.sql(&format!("{sql}COMMIT;")).await?;
    let report = report(&db, &["--revision", "556b79de2825"], 0).await?;
    assert_eq!(findings(&report), ["column-order-changed prospects"]);
    assert_eq!(db.sql(COUNTS).await?, before);
    let nulls = "select count(*) from jobs where status is null";
    assert_eq!(db.count(nulls).await?, 0);
    Ok(())
}
