//! One PostgreSQL schema among several, with other objects in it.

use outreach_operations::backup;
use outreach_tests::TestDb;

use super::{create, folder, options, restore};

#[tokio::test(flavor = "multi_thread")]
async fn only_the_tenants_schema_is_in_its_backup_however_it_is_called() -> anyhow::Result<()> {
    let db = TestDb::empty_postgres().await?;
    let folder = folder()?;
    for name in [
        "Te\"n.a*nt $1",
        "Te\"n.aXnt $1",
        "Te\"n.a*nt",
        "a|b?c[d]\\e (f)",
    ] {
        let quoted = name.replace('"', "\"\"");
        db.sql(&format!(
            "CREATE SCHEMA \"{quoted}\"; \
             CREATE TABLE \"{quoted}\".\"t\n;'--\" (\"co\"\"l;\" text); \
             INSERT INTO \"{quoted}\".\"t\n;'--\" VALUES ('{}')",
            name.replace('\'', "''")
        ))
        .await?;
    }
    for name in ["Te\"n.a*nt $1", "a|b?c[d]\\e (f)"] {
        let quoted = name.replace('"', "\"\"");
        let made = create(&options(&db).schema(name), folder.path()).await?;
        assert_eq!(made.manifest.schema.as_deref(), Some(name));
        assert_eq!(made.manifest.contents.rows(), 1);
        let other = TestDb::empty_postgres().await?;
        restore(&made.path, &options(&other).schema(name)).await?;
        let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname !~ '^pg_' \
             AND nspname NOT IN ('information_schema', 'public')";
        assert_eq!(other.count(schemas).await?, 1);
        let value = format!("SELECT \"co\"\"l;\" FROM \"{quoted}\".\"t\n;'--\"");
        assert_eq!(other.value(&value).await?.as_deref(), Some(name));
        // Another schema is refused by its name.
        let error = restore(&made.path, &options(&other).schema("public")).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_else_is_in_the_schema_comes_back_too() -> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    let role = format!("g{}", db.value("SELECT current_database()").await?.unwrap());
    db.sql(&format!(
        "CREATE SEQUENCE counter; SELECT setval('counter', 41); \
         CREATE TYPE mood AS ENUM ('good', 'it''s; bad'); \
         CREATE TABLE extra (id serial PRIMARY KEY, mood mood, amount numeric, f float8, \
             b bytea, tags text[], big numeric GENERATED ALWAYS AS (amount * 2) STORED); \
         INSERT INTO extra (mood, amount, f, b, tags) VALUES \
             ('good', 'NaN', 'NaN', '\\x00ff', '{{a,NULL,\"b,c\"}}'), \
             ('it''s; bad', 'Infinity', '-0', '', '{{}}'); \
         CREATE FUNCTION f() RETURNS text LANGUAGE sql AS \
             $f$ SELECT E'COPY x FROM stdin;\\n\\\\.\\n' $f$; \
         CREATE VIEW seen AS SELECT domain, f() AS f FROM prospects; \
         CREATE MATERIALIZED VIEW kept AS SELECT count(*) AS n FROM extra; \
         CREATE TABLE parts (a int) PARTITION BY RANGE (a); \
         CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10); \
         INSERT INTO parts VALUES (1), (2); \
         COMMENT ON SCHEMA public IS 'ours'; COMMENT ON TABLE extra IS 'x;''y'; \
         CREATE ROLE {role}; GRANT SELECT ON extra TO {role}; \
         GRANT USAGE ON SCHEMA public TO {role}; GRANT SELECT (domain) ON prospects TO {role}"
    ))
    .await?;
    let folder = folder()?;
    let made = create(&options(&db), folder.path()).await?;
    assert_eq!(made.manifest.contents.table("parts_1").unwrap().rows, 2);
    let verified = backup::verify(&made.path, &options(&db), None, &|_| {}).await?;
    assert_eq!(verified.differences, []);

    let other = TestDb::empty_postgres().await?;
    restore(&made.path, &options(&other)).await?;
    let facts = "SELECT nextval('counter')::text || (SELECT n FROM kept)::text || f() || \
         has_table_privilege('ROLE', 'extra', 'SELECT')::text || nextval('extra_id_seq')::text \
         || (SELECT string_agg(big::text || f || tags::text, ' ' ORDER BY id) FROM extra)";
    let facts = facts.replace("ROLE", &role);
    let found = other.value(&facts).await?;
    assert_eq!(found, db.value(&facts).await?);
    let found = found.unwrap();
    assert!(
        found.contains("true") && found.starts_with("422"),
        "{found}"
    );

    // A server without the role: refused with the remedy, and nothing is left.
    let third = TestDb::empty_postgres().await?;
    other.sql(&format!("DROP OWNED BY {role}")).await?;
    db.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
        .await?;
    let error = restore(&made.path, &options(&third)).await.unwrap_err();
    assert!(error.to_string().contains("--no-privileges"), "{error}");
    let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(third.count(tables).await?, 0);
    Ok(())
}
