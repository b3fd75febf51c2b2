//! What is adopted: each head of Alembic's chain, `create_all`, and databases
//! that hands have changed.

use outreach_migration::REVISIONS;
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::DbBackend;
use serde_json::Value;

use super::{
    adopt, assert_clean, conflicts,
    databases::{Contents, ROWS, alembic, create_all, record},
    folder, plan, run,
};
use crate::migration::support::{MIRRORED, ledger, names};

const HEAD: &str = "556b79de2825";

matrix_tests! {
    what_is_adopted_already_is_left_alone;
    on_empty:
    an_empty_database_is_migrated_without_a_backup,
    f02_the_first_head_of_alembic_is_adopted,
    f02_the_second_head_of_alembic_is_adopted,
    f02_the_third_head_of_alembic_is_adopted,
    f02_the_fourth_head_of_alembic_is_adopted,
    an_index_made_by_hand_is_dropped_and_its_definition_told,
    f02_a_table_of_the_application_is_kept_and_left_out_of_audits,
    f21_merged_rows_are_counted_and_no_row_is_lost,
    an_empty_column_that_no_revision_has_is_dropped,
}

async fn what_is_adopted_already_is_left_alone(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let before = Contents::of(&db).await?;
    let plan = plan(&folder, &db, 0).await?;
    assert_eq!(
        (&plan["state"], &plan["pending"]),
        (&"ours".into(), &0.into())
    );
    let report = adopt(&folder, &db).await?;
    assert_eq!(report["backup"], Value::Null);
    assert!(!folder.path().join("backups").exists());
    assert_eq!(Contents::of(&db).await?, before);
    Ok(())
}

async fn an_empty_database_is_migrated_without_a_backup(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    // The file has to be there.
    db.sql("create table gone (id integer); drop table gone")
        .await?;
    assert_eq!(plan(&folder, &db, 0).await?["state"], "empty");
    let report = adopt(&folder, &db).await?;
    assert_eq!(report["backup"], Value::Null);
    assert_eq!(ledger(&db).await?, names(REVISIONS.len()));
    assert_clean(&folder, &db).await
}

async fn f02_the_first_head_of_alembic_is_adopted(db: TestDb) -> anyhow::Result<()> {
    head(db, 1).await
}

async fn f02_the_second_head_of_alembic_is_adopted(db: TestDb) -> anyhow::Result<()> {
    head(db, 2).await
}

async fn f02_the_third_head_of_alembic_is_adopted(db: TestDb) -> anyhow::Result<()> {
    head(db, 3).await
}

async fn f02_the_fourth_head_of_alembic_is_adopted(db: TestDb) -> anyhow::Result<()> {
    head(db, 4).await
}

/// With Alembic's ledger, and without.
async fn head(db: TestDb, revision: u32) -> anyhow::Result<()> {
    let other = match db.backend() {
        DbBackend::Sqlite => TestDb::empty_sqlite().await?,
        _ => TestDb::empty_postgres().await?,
    };
    for (db, with) in [(db, true), (other, false)] {
        let folder = folder()?;
        alembic(&db, revision, with).await?;
        let before = Contents::of(&db).await?;
        let plan = plan(&folder, &db, 0).await?;
        assert_eq!(
            (&plan["state"], &plan["alembic"]),
            (&"at-revision".into(), &Value::Null)
        );
        let name = REVISIONS[revision as usize - 1].name;
        assert_eq!(plan["revision"], name);
        assert_eq!(plan["repairs"], Value::Array(Vec::new()));
        let report = adopt(&folder, &db).await?;
        let recorded = report["recorded"].as_array().map(Vec::len);
        assert_eq!(recorded, Some(revision as usize));
        assert_tables(&report);
        before.assert_kept(&db).await?;
        assert_eq!(ledger(&db).await?, names(REVISIONS.len()));
        assert_clean(&folder, &db).await?;
        assert_alembic(&db, with).await?;
        let backup = report["backup"].as_str().expect("a path");
        assert!(folder.path().join(backup).exists(), "{backup}");
    }
    Ok(())
}

/// Every table has as many rows as it had, with the same hash.
fn assert_tables(report: &Value) {
    let tables = report["tables"].as_array().expect("a list");
    assert!(tables.len() >= 3);
    for table in tables {
        assert_eq!(table["rows_before"], ROWS, "{table}");
        assert_eq!(table["rows_after"], ROWS, "{table}");
        assert_eq!(table["hash_before"], table["hash_after"], "{table}");
        assert_eq!(table["hash_before"].as_str().map(str::len), Some(64));
    }
}

async fn assert_alembic(db: &TestDb, there: bool) -> anyhow::Result<()> {
    if there {
        let version = db.value("select version_num from alembic_version").await?;
        assert_eq!(version.as_deref(), Some(HEAD));
    } else {
        let tables = crate::migration::support::tables(db).await?;
        assert!(!tables.contains(&"alembic_version".to_owned()));
    }
    Ok(())
}

async fn an_index_made_by_hand_is_dropped_and_its_definition_told(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    alembic(&db, MIRRORED, true).await?;
    db.sql("create index by_hand on prospects (score, domain)")
        .await?;
    let before = Contents::of(&db).await?;
    let plan = plan(&folder, &db, 0).await?;
    assert_eq!(plan["state"], "drifted");
    assert_eq!(plan["dropped"][0]["object"], "prospects.by_hand");
    let definition = plan["dropped"][0]["definition"].as_str().unwrap_or("");
    assert!(definition.to_lowercase().contains("score"), "{definition}");
    let report = adopt(&folder, &db).await?;
    assert_eq!(report["dropped"], plan["dropped"]);
    before.assert_kept(&db).await?;
    assert_clean(&folder, &db).await
}

async fn f02_a_table_of_the_application_is_kept_and_left_out_of_audits(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    alembic(&db, MIRRORED, true).await?;
    db.sql("create table campaigns (id integer primary key); insert into campaigns values (7)")
        .await?;
    let before = Contents::of(&db).await?;
    let plan = plan(&folder, &db, 0).await?;
    assert_eq!(plan["state"], "at-revision");
    assert_eq!(plan["foreign_tables"][0], "campaigns");
    adopt(&folder, &db).await?;
    before.assert_kept(&db).await?;
    let names = "select name from database_properties";
    assert_eq!(
        db.value(names).await?.as_deref(),
        Some("ignored_table:campaigns")
    );
    assert_clean(&folder, &db).await
}

async fn f21_merged_rows_are_counted_and_no_row_is_lost(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    alembic(&db, MIRRORED, true).await?;
    db.sql("update prospects set domain = 'same.example.com' where domain in ('d1.example.com', 'd2.example.com', 'd3.example.com')")
        .await?;
    let duplicates = "insert into discovery_queries (id, job_id, keyword, location, status) \
         select {id}, job_id, keyword, location, status from discovery_queries \
         order by id limit 3";
    let id = match db.backend() {
        DbBackend::Sqlite => "randomblob(16)",
        _ => "gen_random_uuid()",
    };
    db.sql(&duplicates.replace("{id}", id)).await?;
    let before = Contents::of(&db).await?;
    let plan = plan(&folder, &db, 0).await?;
    let counted = serde_json::json!([
        {"table": "discovery_queries", "change": "merged", "rows": 3},
        {"table": "prospects", "change": "merged", "rows": 2},
    ]);
    assert_eq!(plan["row_changes"], counted);
    let text = run(&folder, &db, &[]).await?.stdout;
    let lines = "Merged into older rows, and kept in merged_rows\n  \
         discovery_queries: 3 rows\n  prospects: 2 rows\n";
    assert!(text.contains(lines), "{text}");
    assert!(Contents::of(&db).await? == before, "a plan only reads");
    let report = adopt(&folder, &db).await?;
    let tables = report["tables"].as_array().expect("a list");
    let prospects = tables.iter().find(|table| table["table"] == "prospects");
    let prospects = prospects.expect("it is there");
    assert_eq!(
        (&prospects["rows_before"], &prospects["rows_after"]),
        (&ROWS.into(), &(ROWS - 2).into())
    );
    assert_eq!(prospects["merged"], 2);
    assert_eq!(db.count("select count(*) from merged_rows").await?, 5);
    assert_clean(&folder, &db).await
}

async fn an_empty_column_that_no_revision_has_is_dropped(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    alembic(&db, MIRRORED, true).await?;
    db.sql("alter table jobs add column notes integer").await?;
    let before = Contents::of(&db).await?.without("jobs", "notes");
    let plan = plan(&folder, &db, 0).await?;
    assert_eq!(plan["dropped"][0]["object"], "jobs.notes");
    adopt(&folder, &db).await?;
    before.assert_kept(&db).await?;
    assert_clean(&folder, &db).await
}

#[tokio::test(flavor = "multi_thread")]
async fn f02_create_all_is_adopted_and_its_nulls_filled_and_counted() -> anyhow::Result<()> {
    let (db, folder) = (TestDb::empty_postgres().await?, folder()?);
    create_all(&db).await?;
    let before = Contents::of(&db).await?.filled();
    let plan = plan(&folder, &db, 0).await?;
    assert_eq!(plan["state"], "create-all");
    assert_eq!(plan["differences"].as_array().map(Vec::len), Some(19));
    let report = adopt(&folder, &db).await?;
    let fills: Vec<String> = report["fills"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|fill| format!("{} {}", fill["column"], fill["rows"]))
        .collect();
    assert_eq!(
        fills,
        [
            "\"results_found\" 1000",
            "\"status\" 1000",
            "\"status\" 300"
        ]
    );
    assert_tables(&report);
    before.assert_kept(&db).await?;
    assert_clean(&folder, &db).await
}

/// Alembic's newest revision was forced on it.
#[tokio::test(flavor = "multi_thread")]
async fn f14_a_second_foreign_key_beside_the_first_is_taken_away() -> anyhow::Result<()> {
    let (db, folder) = (TestDb::empty_postgres().await?, folder()?);
    create_all(&db).await?;
    record(&db, HEAD).await?;
    db.sql(
        "alter table prospects add constraint fk_prospects_discovery_query_id \
         foreign key (discovery_query_id) references discovery_queries (id) on delete set null",
    )
    .await?;
    let before = Contents::of(&db).await?.filled();
    let plan = plan(&folder, &db, 0).await?;
    assert_eq!(plan["state"], "create-all-patched");
    assert_eq!(
        plan["dropped"][0]["object"],
        "prospects.prospects_discovery_query_id_fkey"
    );
    adopt(&folder, &db).await?;
    before.assert_kept(&db).await?;
    let keys = "select count(*) from pg_constraint where contype = 'f' \
         and conrelid = 'prospects'::regclass";
    assert_eq!(db.count(keys).await?, 1);
    assert_clean(&folder, &db).await?;
    assert_alembic(&db, true).await
}

#[tokio::test(flavor = "multi_thread")]
async fn f02_a_create_all_whose_new_column_was_added_by_hand_or_is_missing_is_adopted()
-> anyhow::Result<()> {
    for by_hand in ["", "; alter table prospects add discovery_query_id uuid"] {
        let (db, folder) = (TestDb::empty_postgres().await?, folder()?);
        create_all(&db).await?;
        db.sql(&format!(
            "alter table prospects drop discovery_query_id{by_hand}"
        ))
        .await?;
        let before = Contents::of(&db).await?.filled();
        assert_eq!(plan(&folder, &db, 0).await?["state"], "create-all-patched");
        adopt(&folder, &db).await?;
        before.assert_kept(&db).await?;
        assert_clean(&folder, &db).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f16_a_changed_type_that_keeps_every_value_is_mended() -> anyhow::Result<()> {
    let (db, folder) = (TestDb::empty_postgres().await?, folder()?);
    alembic(&db, MIRRORED, false).await?;
    db.sql(
        "alter table prospects alter score type double precision; \
         alter table prospects alter domain type varchar(100); \
         alter table jobs alter params type text",
    )
    .await?;
    let before = Contents::of(&db).await?.without("prospects", "score");
    let plan = plan(&folder, &db, 0).await?;
    assert_eq!(conflicts(&plan), [""; 0]);
    adopt(&folder, &db).await?;
    before.assert_kept(&db).await?;
    let scores = "select count(*) from prospects where score::float8::text like '%.5'";
    assert_eq!(db.count(scores).await?, i64::try_from(ROWS)?);
    assert_clean(&folder, &db).await
}

/// There is nothing to merge where what has to be unique is not there yet.
#[tokio::test(flavor = "multi_thread")]
async fn f02_a_column_that_is_missing_from_an_empty_table_is_added() -> anyhow::Result<()> {
    let (db, folder) = (TestDb::empty_postgres().await?, folder()?);
    alembic(&db, MIRRORED, true).await?;
    db.sql("truncate prospects cascade; alter table prospects drop column domain")
        .await?;
    let plan = plan(&folder, &db, 0).await?;
    assert_eq!(plan["row_changes"], Value::Array(Vec::new()));
    adopt(&folder, &db).await?;
    assert_clean(&folder, &db).await
}
