//! Several schemas in one PostgreSQL database, each with a chain of its own.

use outreach_migration::REVISIONS;
use outreach_tests::{Migration, Output, TestDb};

use super::support::{Program, texts};

const TENANTS: [&str; 5] = ["tenant_a", "tenant_b", "Tenant \"C\" 3", "a,b", "x$y"];

fn quoted(schema: &str) -> String {
    format!("\"{}\"", schema.replace('"', "\"\""))
}

struct Tenants {
    db: TestDb,
    program: Program,
}

impl Tenants {
    async fn new() -> anyhow::Result<Self> {
        let db = TestDb::empty_postgres().await?;
        let program = Program::on(db.url())?;
        Ok(Self { db, program })
    }

    fn with(&self, schema: &str, arguments: &[&str]) -> Migration {
        self.program.with(arguments).env("DATABASE_SCHEMA", schema)
    }

    async fn run(&self, schema: &str, arguments: &[&str]) -> anyhow::Result<Output> {
        let output = self.with(schema, arguments).run().await?;
        anyhow::ensure!(output.status == Some(0), "{schema}: {output:?}");
        Ok(output)
    }

    async fn tables(&self, schema: &str) -> anyhow::Result<Vec<String>> {
        let schema = schema.replace('\'', "''");
        let rows = self
            .db
            .sql(&format!(
                "select tablename::text from pg_tables where schemaname = '{schema}' order by 1"
            ))
            .await?;
        Ok(texts(rows))
    }

    /// Rows of its own for a tenant, and a type that no other may drop.
    async fn fill(&self, schema: &str) -> anyhow::Result<()> {
        let name = quoted(schema);
        self.db
            .sql(&format!(
                "set search_path = {name}; create type mood as enum ('good'); \
                 insert into prospects (id, domain) \
                 select gen_random_uuid(), n || '.example' from generate_series(1, 20) n; \
                 insert into email_logs (id, prospect_id) select gen_random_uuid(), id from prospects; \
                 create table moods (mood mood); insert into moods values ('good')"
            ))
            .await?;
        Ok(())
    }

    /// A hash over everything that a tenant's tables hold.
    async fn contents(&self, schema: &str) -> anyhow::Result<String> {
        let mut all = String::new();
        for table in self.tables(schema).await? {
            let hash = self
                .db
                .value(&format!(
                    "select coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from {}.{table} t",
                    quoted(schema)
                ))
                .await?;
            all.extend([table.as_str(), " ", hash.unwrap_or_default().as_str(), " "]);
        }
        Ok(all)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_tenant_gets_a_schema_and_nothing_comes_into_public() -> anyhow::Result<()> {
    let tenants = Tenants::new().await?;
    for tenant in TENANTS {
        tenants.run(tenant, &["up"]).await?;
        let tables = tenants.tables(tenant).await?;
        assert_eq!(
            tables.len(),
            outreach_entity::tables().len() + 1,
            "{tenant}"
        );
        let status = tenants.run(tenant, &["status"]).await?;
        assert_eq!(status.stdout.matches("Applied").count(), REVISIONS.len());
    }
    assert!(tenants.tables("public").await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_starts_anew_leaves_the_others_alone() -> anyhow::Result<()> {
    let tenants = Tenants::new().await?;
    for tenant in TENANTS {
        tenants.run(tenant, &["up"]).await?;
        tenants.fill(tenant).await?;
    }
    let mut before = Vec::new();
    for tenant in TENANTS {
        before.push(tenants.contents(tenant).await?);
    }
    for command in ["fresh", "refresh", "reset", "up"] {
        tenants.run(TENANTS[0], &[command]).await?;
        for (tenant, before) in TENANTS.iter().zip(&before).skip(1) {
            assert_eq!(&tenants.contents(tenant).await?, before, "{command}");
        }
    }
    assert_ne!(tenants.contents(TENANTS[0]).await?, before[0]);
    tenants.run(TENANTS[2], &["fresh"]).await?;
    for other in [1, 3, 4] {
        assert_eq!(tenants.contents(TENANTS[other]).await?, before[other]);
    }
    assert!(tenants.tables("public").await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f18_tenants_can_be_migrated_at_the_same_moment() -> anyhow::Result<()> {
    let tenants = Tenants::new().await?;
    let mut running = Vec::new();
    for tenant in TENANTS {
        // Two of each, so that the first runs of a schema race as well.
        running.push(tenants.with(tenant, &["up"]).spawn()?);
        running.push(tenants.with(tenant, &["up"]).spawn()?);
    }
    for run in running {
        let output = run.wait().await?;
        assert_eq!(output.status, Some(0), "{output:?}");
    }
    for tenant in TENANTS {
        let tables = tenants.tables(tenant).await?;
        assert_eq!(
            tables.len(),
            outreach_entity::tables().len() + 1,
            "{tenant}"
        );
    }
    Ok(())
}

/// One that does not exist is not made by a command that changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn only_up_and_fresh_make_a_schema() -> anyhow::Result<()> {
    let tenants = Tenants::new().await?;
    for command in ["down", "refresh", "reset"] {
        let output = tenants.with("absent", &[command]).run().await?;
        assert_eq!(output.status, Some(1), "{command}: {output:?}");
        assert!(output.stderr.contains("absent"), "{output:?}");
        assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
    }
    tenants.run("absent", &["status"]).await?;
    let exists = "select count(*) from pg_namespace where nspname = 'absent'";
    assert_eq!(tenants.db.count(exists).await?, 0);
    tenants.run("absent", &["fresh"]).await?;
    assert_eq!(tenants.db.count(exists).await?, 1);
    Ok(())
}
