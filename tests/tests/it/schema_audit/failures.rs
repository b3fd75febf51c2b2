//! Failures of the past, as `outreach audit` has to see them.

use outreach_migration::REVISIONS;
use outreach_tests::{TestDb, matrix_tests};
use schema_audit::{
    attribution::attribute,
    compare::{Code, Finding, Side},
    schema::{Action, Schema},
};
use sea_orm::DbBackend;

use super::{entities, found, live, repair_rows::rewrite, rows::key};

matrix_tests! {
    f05_a_missing_column_and_a_missing_table_are_named,
    f06_a_revision_of_a_newer_build_is_named,
    f09_a_gap_and_an_unknown_revision_are_named,
    f12_a_revision_whose_name_was_cut_is_a_gap_and_an_unknown_one,
    f16_a_type_that_differs_is_found_with_the_side_that_differs,
    f17_a_ledger_that_is_corrupt_is_found,
    f39_a_column_that_takes_null_is_found_and_so_are_its_nulls,
    f47_another_action_of_a_foreign_key_is_found_with_the_side_that_differs,
}

async fn f05_a_missing_column_and_a_missing_table_are_named(db: TestDb) -> anyhow::Result<()> {
    assert_eq!(found(&db, &[]).await?, [""; 0]);
    db.sql("alter table prospects drop column page_title")
        .await?;
    assert_eq!(
        found(&db, &[]).await?,
        ["column-missing prospects.page_title database"]
    );
    db.sql("drop table settings").await?;
    assert_eq!(
        found(&db, &[]).await?,
        [
            "column-missing prospects.page_title database",
            "table-missing settings database"
        ]
    );
    Ok(())
}

async fn f06_a_revision_of_a_newer_build_is_named(db: TestDb) -> anyhow::Result<()> {
    db.sql("insert into seaql_migrations values ('m20990101_000001_future', 4102444800)")
        .await?;
    let found = found(&db, &[]).await?;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("revision-unknown "), "{found:#?}");
    assert!(found[0].contains("m20990101_000001_future"), "{found:#?}");
    Ok(())
}

async fn f09_a_gap_and_an_unknown_revision_are_named(db: TestDb) -> anyhow::Result<()> {
    let gap = REVISIONS[2].name;
    db.sql(&format!(
        "delete from seaql_migrations where version = '{gap}'"
    ))
    .await?;
    let found = found(&db, &[]).await?;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("revision-gap "), "{found:#?}");
    assert!(found[0].contains(gap), "{found:#?}");
    Ok(())
}

async fn f12_a_revision_whose_name_was_cut_is_a_gap_and_an_unknown_one(
    db: TestDb,
) -> anyhow::Result<()> {
    let whole = REVISIONS[3].name;
    let cut = &whole[..32];
    db.sql(&format!(
        "update seaql_migrations set version = '{cut}' where version = '{whole}'"
    ))
    .await?;
    let found = found(&db, &[]).await?;
    let has = |code: &str, name: &str| {
        let says = |line: &String| line.starts_with(code) && line.ends_with(name);
        found.iter().any(says)
    };
    assert!(has("revision-gap ", whole), "{found:#?}");
    assert!(has("revision-unknown ", cut), "{found:#?}");
    Ok(())
}

/// The findings about one member, without the others.
fn about(findings: Vec<Finding>, member: &str) -> Vec<(Code, Option<Side>)> {
    let of_it = findings
        .into_iter()
        .filter(|finding| finding.object.member.as_deref() == Some(member));
    of_it.map(|finding| (finding.code, finding.side)).collect()
}

fn with_type(schema: &Schema, data_type: &str) -> Schema {
    let mut schema = schema.clone();
    let columns = schema.tables.iter_mut().flat_map(|t| &mut t.columns);
    for column in columns.filter(|column| column.name == "results_found") {
        data_type.clone_into(&mut column.data_type);
    }
    schema
}

async fn f16_a_type_that_differs_is_found_with_the_side_that_differs(
    db: TestDb,
) -> anyhow::Result<()> {
    let entities = entities::entities(db.backend())?;
    let migrations = live(&db).await?;
    let other = "text";
    let type_changed = |side| [(Code::TypeChanged, Some(side))];
    let wrong = with_type(&entities, other);
    let found_now = attribute(&migrations, &wrong, &migrations);
    assert_eq!(
        about(found_now, "results_found"),
        type_changed(Side::Entities)
    );
    let wrong = with_type(&migrations, other);
    let found_now = attribute(&wrong, &entities, &migrations);
    assert_eq!(
        about(found_now, "results_found"),
        type_changed(Side::Migrations)
    );
    let change = match db.backend() {
        DbBackend::Sqlite => rewrite(
            "discovery_queries",
            "\"results_found\" integer",
            "\"results_found\" text",
        ),
        _ => "alter table discovery_queries alter results_found drop default, \
              alter results_found type text, alter results_found set default 0"
            .to_owned(),
    };
    db.sql(&change).await?;
    assert!(
        found(&db, &[])
            .await?
            .contains(&"type-changed discovery_queries.results_found database".to_owned())
    );
    Ok(())
}

async fn f17_a_ledger_that_is_corrupt_is_found(db: TestDb) -> anyhow::Result<()> {
    let head = REVISIONS[REVISIONS.len() - 1].name;
    let again = match db.backend() {
        DbBackend::Sqlite => {
            "alter table seaql_migrations rename to old; create table seaql_migrations \
             (version varchar, applied_at integer); \
             insert into seaql_migrations select * from old; drop table old"
        }
        _ => "alter table seaql_migrations drop constraint seaql_migrations_pkey",
    };
    db.sql(again).await?;
    db.sql(&format!(
        "insert into seaql_migrations select version, applied_at from seaql_migrations \
         where version = '{head}'"
    ))
    .await?;
    let twice = found(&db, &[]).await?;
    assert_eq!(twice.len(), 1, "{twice:#?}");
    assert!(twice[0].starts_with("ledger-duplicate "), "{twice:#?}");
    assert!(twice[0].contains(head), "{twice:#?}");
    db.sql(
        "drop table seaql_migrations; \
         create table alembic_version (version_num varchar(32) not null)",
    )
    .await?;
    let none = found(&db, &[]).await?;
    assert_eq!(none.len(), 1, "{none:#?}");
    assert!(none[0].starts_with("ledger-missing "), "{none:#?}");
    Ok(())
}

async fn f39_a_column_that_takes_null_is_found_and_so_are_its_nulls(
    db: TestDb,
) -> anyhow::Result<()> {
    super::rows::fill(&db).await?;
    let change = match db.backend() {
        DbBackend::Sqlite => rewrite(
            "discovery_queries",
            "\"status\" varchar NOT NULL",
            "\"status\" varchar",
        ),
        _ => "alter table discovery_queries alter status drop not null".to_owned(),
    };
    db.sql(&change).await?;
    assert_eq!(
        found(&db, &["--data"]).await?,
        ["nullability-changed discovery_queries.status database"]
    );
    let id = key(&db, 12);
    db.sql(&format!(
        "update discovery_queries set status = null where id = {id}"
    ))
    .await?;
    let both = found(&db, &["--data"]).await?;
    assert!(
        both.iter()
            .any(|line| !line.starts_with("nullability")
                && line.contains("discovery_queries.status")),
        "{both:#?}"
    );
    Ok(())
}

fn with_action(schema: &Schema, action: Action) -> Schema {
    let mut schema = schema.clone();
    let runs = schema
        .tables
        .iter_mut()
        .filter(|t| t.name.name == "job_runs");
    for key in runs.flat_map(|table| &mut table.foreign_keys) {
        key.on_delete = action;
    }
    schema
}

async fn f47_another_action_of_a_foreign_key_is_found_with_the_side_that_differs(
    db: TestDb,
) -> anyhow::Result<()> {
    let (entities, head) = (entities::entities(db.backend())?, live(&db).await?);
    let other = |schema| with_action(schema, Action::Restrict);
    for (migrations, entities, database, side) in [
        (&head, &other(&entities), &head, Side::Entities),
        (&other(&head), &entities, &head, Side::Migrations),
        (&head, &entities, &other(&head), Side::Database),
    ] {
        let findings = attribute(migrations, entities, database);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert_eq!(
            (findings[0].code, findings[0].side),
            (Code::ForeignKeyChanged, Some(side))
        );
        assert_eq!(findings[0].object.object, "job_runs");
    }
    Ok(())
}
