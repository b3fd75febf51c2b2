//! Two tenants in two schemas of one database.

use outreach_tests::{Outreach, TestDb};

use super::{contents, discover_examples, folder, json, outreach};

#[tokio::test(flavor = "multi_thread")]
async fn postgres_two_schemas_see_and_touch_nothing_of_each_other() -> anyhow::Result<()> {
    let db = TestDb::empty_postgres().await?;
    let folder = folder()?;
    let of = |schema: &str, program: Outreach| program.args(["--schema", schema]);
    let up = of("tenant_a", outreach(&folder, &db).args(["migrate", "up"]));
    assert_eq!(up.run().await?.status, Some(0));
    let a_alone = contents(&db).await?;
    assert!(
        a_alone.iter().all(|(table, _)| table.contains("tenant_a.")),
        "{a_alone:?}"
    );

    // The other one sets itself up, with a name that has to be quoted.
    let discover = || discover_examples(&folder, &db).arg("--json");
    let b = of("Tenant B", discover().arg("--migrate")).run().await?;
    let saved = json(&b)?["result"]["prospects_discovered"].clone();
    assert!(saved.as_u64() > Some(250));
    let a_still: Vec<_> = contents(&db)
        .await?
        .into_iter()
        .filter(|(table, _)| table.contains("tenant_a."))
        .collect();
    assert_eq!(a_still, a_alone);

    // The domains that one has are new to the other, and each lists its own.
    let b_before = db
        .sql(r#"select * from "Tenant B".prospects order by id"#)
        .await?;
    let a = json(&of("tenant_a", discover()).run().await?)?;
    assert_eq!(a["result"]["prospects_discovered"], saved);
    assert_eq!(
        a["result"]["search_statistics"]["results_skipped_existing"],
        0
    );
    let b_after = db
        .sql(r#"select * from "Tenant B".prospects order by id"#)
        .await?;
    assert_eq!(b_after, b_before);
    let mut jobs = Vec::new();
    for schema in ["tenant_a", "Tenant B"] {
        let list = |what| outreach(&folder, &db).args([what, "list", "--json"]);
        let listed = json(&of(schema, list("jobs")).run().await?)?;
        assert_eq!(listed["total"], 1);
        jobs.push(listed["items"][0]["id"].clone());
        assert_eq!(
            json(&of(schema, list("prospects")).run().await?)?["total"],
            saved
        );
    }
    assert_eq!(jobs[0], a["job"]);
    assert_ne!(jobs[0], jobs[1]);

    // A job of one is unknown to the other; DATABASE_SCHEMA says the same.
    let show = outreach(&folder, &db).args(["jobs", "show", jobs[0].as_str().unwrap()]);
    assert_eq!(
        show.clone()
            .env("DATABASE_SCHEMA", "tenant_a")
            .run()
            .await?
            .status,
        Some(0)
    );
    assert_eq!(of("Tenant B", show).run().await?.status, Some(1));
    let in_public = "select count(*) from pg_class where relnamespace = 'public'::regnamespace";
    assert_eq!(db.count(in_public).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_a_schema_that_is_not_there_is_named_with_its_remedy() -> anyhow::Result<()> {
    let db = TestDb::empty_postgres().await?;
    let folder = folder()?;
    let list = outreach(&folder, &db).args(["jobs", "list", "--schema", "nobody"]);
    let words = ["nobody", "does not exist", "outreach migrate up"];
    super::assert_one_line(&list.run().await?, 1, &words);
    Ok(())
}
