//! One tenant's schema among several.

use outreach_tests::{Migration, Outreach, TestDb};

use super::{folder, json};

const TENANTS: [&str; 3] = ["a", "Te\"n,ant", "c"];

fn quoted(schema: &str) -> String {
    format!("\"{}\"", schema.replace('"', "\"\""))
}

/// Everything that a tenant's tables hold, and what they are.
async fn state(db: &TestDb, schema: &str) -> anyhow::Result<String> {
    let tables = format!(
        "select string_agg(format('select %L || coalesce(md5(string_agg(t::text, ''|'' order by \
         t::text)), '''') || count(*) from %I.%I t', tablename, schemaname, tablename), \
         ' union all ' order by tablename) from pg_tables where schemaname = '{schema}'"
    );
    let sql = db.value(&tables).await?.unwrap_or_default();
    Ok(format!("{:?}", db.sql(&sql).await?))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tenant_is_adopted_and_the_others_are_not_touched() -> anyhow::Result<()> {
    let (db, folder) = (TestDb::empty_postgres().await?, folder()?);
    for tenant in TENANTS {
        let up = Migration::new(folder.path()).env("DATABASE_URL", db.url());
        let up = up.env("DATABASE_SCHEMA", tenant).args(["up", "-n", "4"]);
        assert_eq!(up.run().await?.status, Some(0));
        db.sql(&format!(
            "set search_path = {}; drop table seaql_migrations; \
             create index by_hand on jobs (user_id); \
             insert into jobs (id, job_type) select gen_random_uuid(), 'discover' \
             from generate_series(1, 1000); \
             insert into prospects (id, domain) select gen_random_uuid(), n || '.example.com' \
             from generate_series(1, 1000) n; \
             insert into email_logs (id, prospect_id) select gen_random_uuid(), id from prospects",
            quoted(tenant)
        ))
        .await?;
    }
    let others = async || -> anyhow::Result<[String; 2]> {
        Ok([state(&db, TENANTS[0]).await?, state(&db, TENANTS[2]).await?])
    };
    let before = others().await?;
    let outreach = |command: &str| {
        let outreach = Outreach::new(&folder).env("DATABASE_URL", db.url());
        outreach.arg(command).args(["--schema", TENANTS[1]])
    };
    let output = outreach("adopt").args(["--yes", "--json"]).run().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    let report = json(&output)?["report"].take();
    let tables = report["tables"].as_array().expect("a list");
    assert!(
        tables
            .iter()
            .all(|table| table["hash_before"] == table["hash_after"])
    );
    assert_eq!(others().await?, before);
    assert_eq!(outreach("audit").run().await?.status, Some(0));
    let applied = format!(
        "select count(*) from {}.seaql_migrations",
        quoted(TENANTS[1])
    );
    assert!(db.count(&applied).await? > 4);
    Ok(())
}
