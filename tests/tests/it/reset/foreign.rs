//! What is not outreach's stays.

use outreach_tests::{TestDb, matrix_tests};

use super::{hashes, name, reset};
use crate::backup::{folder, outreach};

matrix_tests! { f21_what_is_not_outreachs_stays }

async fn f21_what_is_not_outreachs_stays(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    db.sql(
        "create table other (id integer primary key, note text); \
         insert into other values (1, 'kept'); create view seen as select note from other",
    )
    .await?;
    let before = hashes(&db).await?;
    let output = reset(&folder, &db).run().await?;
    assert!(
        output
            .stdout
            .contains("not outreach's, stays: table other (1 row)")
    );
    assert!(
        output.stdout.contains("not outreach's, stays: view "),
        "{output:?}"
    );
    assert!(output.stderr.contains("reset: "), "{output:?}");
    assert_eq!(
        db.value("select note from seen").await?.as_deref(),
        Some("kept")
    );
    assert_eq!(hashes(&db).await?.table("other"), before.table("other"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f21_postgres_one_tenant_of_three_is_reset_and_the_others_are_as_they_were()
-> anyhow::Result<()> {
    let db = TestDb::empty_postgres().await?;
    let folder = folder()?;
    let tenants = ["one", "Tenant \"2\"", "three"];
    let of = |tenant: &str| outreach(&folder, &db).args(["--schema", tenant]);
    for tenant in tenants {
        assert_eq!(
            of(tenant).args(["migrate", "up"]).run().await?.status,
            Some(0)
        );
        let quoted = format!("\"{}\"", tenant.replace('"', "\"\""));
        db.sql(&format!(
            "insert into {quoted}.settings (id, key) values (gen_random_uuid(), 'k')"
        ))
        .await?;
    }
    let rows = async |tenant: &str| {
        let quoted = format!("\"{}\"", tenant.replace('"', "\"\""));
        let sql = format!(
            "select * from {quoted}.settings; select * from {quoted}.seaql_migrations order by 1"
        );
        db.sql(&sql).await
    };
    let before = (rows("one").await?, rows("three").await?);
    let tenant = tenants[1];
    let of_database = of(tenant).args(["reset", "--confirm", &name(&db)]);
    assert_eq!(
        of_database.run().await?.status,
        Some(1),
        "the schema belongs to the name"
    );
    let whole = format!("{}.{tenant}", name(&db));
    let output = of(tenant)
        .args(["reset", "--confirm", &whole])
        .run()
        .await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    assert_eq!((rows("one").await?, rows("three").await?), before);
    let left = "select count(*) from \"Tenant \"\"2\"\"\".settings";
    assert_eq!(db.count(left).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f21_postgres_a_schema_is_dropped_only_when_asked_and_with_nothing_outside()
-> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    let folder = folder()?;
    db.sql(
        "create type mood as enum ('good'); create table other (m mood); \
         create function f() returns int language sql as 'select 1'; \
         create schema away; create table away.uses (m mood)",
    )
    .await?;
    let before = hashes(&db).await?;
    let drop = || reset(&folder, &db).arg("--drop-schema");
    let output = drop().run().await?;
    assert_eq!(output.status, Some(1), "{output:?}");
    assert!(output.stderr.contains("away.uses"), "{output:?}");
    assert_eq!(hashes(&db).await?, before);

    db.sql("drop table away.uses; grant create on schema public to public")
        .await?;
    let output = drop().run().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    let left = "select count(*) from pg_class where relname = 'other'";
    assert_eq!(db.count(left).await?, 0);
    let granted = "select has_schema_privilege('public', 'public', 'create')::text";
    assert_eq!(db.value(granted).await?.as_deref(), Some("true"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_what_roles_were_granted_is_granted_on_the_new_tables() -> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    let folder = folder()?;
    let role = format!("{}_app", name(&db));
    db.sql(&format!(
        "create role {role}; grant select, insert on prospects to {role}; \
         grant update (status) on jobs to {role} with grant option"
    ))
    .await?;
    let rights = format!(
        "select has_table_privilege('{role}', 'prospects', 'insert')::text || \
         has_column_privilege('{role}', 'jobs', 'status', 'update with grant option') || \
         has_table_privilege('{role}', 'jobs', 'select')"
    );
    let before = db.value(&rights).await?;
    let output = reset(&folder, &db).run().await?;
    let after = db.value(&rights).await?;
    db.sql(&format!("drop owned by {role}; drop role {role}"))
        .await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    assert_eq!(before.as_deref(), Some("truetruefalse"));
    assert_eq!(after, before);
    Ok(())
}
