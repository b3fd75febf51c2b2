//! The schema that each revision leaves, stated in the snapshots beside this
//! file. The first four of PostgreSQL state what the mirrored Alembic revisions
//! leave, and are not to be accepted anew.

use outreach_migration::{Migrator, MigratorTrait, REVISIONS};
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::DbBackend;

use super::{
    facts::facts,
    support::{down, ledger, names, tables, up},
};

matrix_tests! {
    on_empty:
    f11_each_revision_leaves_the_schema_that_is_stated,
    f11_from_each_revision_up_to_head_is_the_schema_of_head,
    f11_each_revision_taken_back_leaves_the_one_before,
    reset_leaves_nothing_at_all,
    f47_foreign_keys_and_their_actions_are_those_of_the_chain,
}

async fn f11_each_revision_leaves_the_schema_that_is_stated(db: TestDb) -> anyhow::Result<()> {
    for (index, revision) in REVISIONS.iter().enumerate() {
        up(&db, 1).await?;
        assert_eq!(ledger(&db).await?, names(index + 1));
        let name = format!("{:?}__{}", db.backend(), revision.name).to_lowercase();
        let facts = facts(&db).await?;
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, facts);
        });
    }
    Ok(())
}

async fn f11_from_each_revision_up_to_head_is_the_schema_of_head(db: TestDb) -> anyhow::Result<()> {
    up(&db, None).await?;
    let head = facts(&db).await?;
    for revision in 0..REVISIONS.len() {
        let pool = db.connect_plain().await?;
        Migrator::reset(&pool).await?;
        pool.close().await?;
        if revision > 0 {
            up(&db, u32::try_from(revision)?).await?;
        }
        up(&db, None).await?;
        assert_eq!(facts(&db).await?, head, "from revision {revision}");
        assert_eq!(ledger(&db).await?, names(REVISIONS.len()));
    }
    Ok(())
}

async fn f11_each_revision_taken_back_leaves_the_one_before(db: TestDb) -> anyhow::Result<()> {
    let mut before = Vec::new();
    for _ in REVISIONS {
        up(&db, 1).await?;
        before.push(facts(&db).await?);
    }
    before.pop();
    while let Some(expected) = before.pop() {
        down(&db, 1).await?;
        assert_eq!(facts(&db).await?, expected);
        assert_eq!(ledger(&db).await?, names(before.len() + 1));
    }
    down(&db, 1).await?;
    assert_eq!(tables(&db).await?, ["seaql_migrations"]);
    assert!(ledger(&db).await?.is_empty());
    Ok(())
}

async fn reset_leaves_nothing_at_all(db: TestDb) -> anyhow::Result<()> {
    up(&db, None).await?;
    assert!(!facts(&db).await?.is_empty());
    let pool = db.connect_plain().await?;
    Migrator::reset(&pool).await?;
    assert_eq!(facts(&db).await?, "");
    Ok(())
}

/// Table, column, referenced table, action on delete, action on update.
const FOREIGN_KEYS: [[&str; 5]; 4] = [
    [
        "discovery_queries",
        "job_id",
        "jobs",
        "NO ACTION",
        "NO ACTION",
    ],
    [
        "email_logs",
        "prospect_id",
        "prospects",
        "NO ACTION",
        "NO ACTION",
    ],
    ["job_runs", "job_id", "jobs", "CASCADE", "NO ACTION"],
    [
        "prospects",
        "discovery_query_id",
        "discovery_queries",
        "SET NULL",
        "NO ACTION",
    ],
];

async fn f47_foreign_keys_and_their_actions_are_those_of_the_chain(
    db: TestDb,
) -> anyhow::Result<()> {
    up(&db, None).await?;
    let sql = if db.backend() == DbBackend::Sqlite {
        "select m.name, f.\"from\", f.\"table\", f.on_delete, f.on_update from sqlite_master m, \
         pragma_foreign_key_list(m.name) f where m.type = 'table' order by 1, 2"
    } else {
        "select tc.table_name::text, k.column_name::text, c.table_name::text, \
         r.delete_rule::text, r.update_rule::text \
         from information_schema.table_constraints tc \
         join information_schema.key_column_usage k using (constraint_schema, constraint_name) \
         join information_schema.referential_constraints r using (constraint_schema, constraint_name) \
         join information_schema.constraint_column_usage c using (constraint_schema, constraint_name) \
         where tc.constraint_type = 'FOREIGN KEY' order by 1, 2"
    };
    let found: Vec<Vec<String>> = db
        .sql(sql)
        .await?
        .into_iter()
        .map(|row| row.into_iter().flatten().collect())
        .collect();
    assert_eq!(found, FOREIGN_KEYS);
    Ok(())
}
