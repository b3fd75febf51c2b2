//! `outreach prospects`.

use std::fs;

use outreach_tests::{TestDb, matrix_tests};
use serde_json::Value;

use super::{assert_one_line, discover_examples, examples, folder, json, outreach};

matrix_tests! {
    f45_pages_of_prospects_make_up_the_list,
    f46_the_total_counts_by_the_filter_of_the_list,
    an_export_holds_every_prospect_in_both_formats,
    an_export_to_a_file_is_complete_or_not_there,
    an_export_takes_the_filter_of_the_list,
}

/// Saves the shipped results with their contacts; returns how many were saved.
async fn saved(folder: &tempfile::TempDir, db: &TestDb) -> anyhow::Result<usize> {
    let run = discover_examples(folder, db)
        .args(["--json", "--contacts"])
        .arg(examples("contacts.csv"));
    let outcome = json(&run.run().await?)?;
    Ok(usize::try_from(
        outcome["result"]["prospects_discovered"].as_u64().unwrap(),
    )?)
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

async fn f45_pages_of_prospects_make_up_the_list(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let saved = saved(&folder, &db).await?;
    // A whole second has more than one text form on SQLite.
    db.sql("update prospects set created_at = '2026-01-02T03:04:05+00:00'")
        .await?;
    let mut seen = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let list = outreach(&folder, &db).args(["prospects", "list", "--json", "--limit", "70"]);
        let list = list.args(after.iter().flat_map(|cursor| ["--after", cursor]));
        let page = json(&list.run().await?)?;
        assert_eq!(page["total"], saved);
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|row| text(row, "domain").to_owned()));
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), saved);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), saved);
    Ok(())
}

async fn f46_the_total_counts_by_the_filter_of_the_list(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let saved = saved(&folder, &db).await?;
    let list = async |arguments: &[&str]| -> anyhow::Result<Value> {
        let list = outreach(&folder, &db).args(["prospects", "list", "--json", "--limit", "500"]);
        let page = json(&list.args(arguments).run().await?)?;
        assert_eq!(page["total"], page["items"].as_array().unwrap().len());
        Ok(page)
    };
    let with = list(&["--has-email"]).await?;
    let without = list(&["--no-email"]).await?;
    assert!(with["total"].as_u64() > Some(50));
    assert_eq!(
        with["total"].as_u64().unwrap() + without["total"].as_u64().unwrap(),
        saved as u64
    );
    assert_eq!(list(&["--min-score", "0.5"]).await?["total"], 0);
    assert_eq!(
        list(&["--min-score", "0", "--status", "pending"]).await?["total"],
        saved
    );
    assert_eq!(list(&["--status", "sent"]).await?["total"], 0);
    let wrong = outreach(&folder, &db).args(["prospects", "list", "--status", "nonsense"]);
    assert_eq!(wrong.run().await?.status, Some(1));

    let id = text(&with["items"][0], "id");
    let shown = outreach(&folder, &db).args(["prospects", "show", id, "--json"]);
    assert_eq!(json(&shown.run().await?)?, with["items"][0]);
    let unknown = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    let shown = outreach(&folder, &db).args(["prospects", "show", unknown]);
    assert_one_line(&shown.run().await?, 1, &[unknown, "does not exist"]);
    Ok(())
}

async fn an_export_holds_every_prospect_in_both_formats(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let saved = saved(&folder, &db).await?;
    db.sql("update prospects set page_title = '=HYPERLINK(1)' where domain = 'cozy-nest.example'")
        .await?;
    let export =
        |format: &str| outreach(&folder, &db).args(["prospects", "export", "--format", format]);
    let csv = export("csv").run().await?.stdout;
    let jsonl = export("jsonl").run().await?.stdout;
    let rows: Vec<Value> = jsonl
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    assert_eq!(rows.len(), saved);
    let mut lines = csv.lines();
    assert_eq!(
        lines.next(),
        Some(
            "id,domain,page_url,page_title,contact_email,contact_method,da_est,score,\
             outreach_status,last_sent,followups_sent,draft_subject,draft_body,\
             discovery_query_id,created_at,updated_at"
        )
    );
    // Titles may hold line breaks, so lines are more than rows.
    for row in &rows {
        let begin = format!("{},{},", text(row, "id"), text(row, "domain"));
        assert!(csv.contains(&begin), "{begin}");
    }
    assert!(csv.contains(",'=HYPERLINK(1),"), "a formula is made text");
    let cozy = rows
        .iter()
        .find(|row| text(row, "domain") == "cozy-nest.example")
        .unwrap();
    assert_eq!(cozy["page_title"], "=HYPERLINK(1)");
    assert_eq!(cozy["contact_email"], "anna@cozy-nest.example");
    assert_eq!(cozy["hunter_payload"]["confidence"], 99);
    Ok(())
}

async fn an_export_to_a_file_is_complete_or_not_there(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    saved(&folder, &db).await?;
    let export = |more: &[&str]| {
        outreach(&folder, &db)
            .args(["prospects", "export", "--output", "out.csv"])
            .args(more)
    };
    let first = export(&[]).run().await?;
    assert_eq!(
        (first.status, first.stdout.as_str()),
        (Some(0), ""),
        "{first:?}"
    );
    let file = folder.path().join("out.csv");
    let to_stdout = outreach(&folder, &db)
        .args(["prospects", "export"])
        .run()
        .await?;
    assert_eq!(fs::read_to_string(&file)?, to_stdout.stdout);

    fs::write(&file, "mine")?;
    assert_one_line(&export(&[]).run().await?, 1, &["`out.csv`", "--force"]);
    assert_eq!(fs::read_to_string(&file)?, "mine");
    assert_eq!(export(&["--force"]).run().await?.status, Some(0));
    assert_eq!(fs::read_to_string(&file)?, to_stdout.stdout);

    // A row that can't be read ends the export; what was there stays.
    fs::write(&file, "mine")?;
    db.sql("update prospects set outreach_status = 'paused' where domain like 'cozy-nest%'")
        .await?;
    assert_one_line(
        &export(&["--force"]).run().await?,
        2,
        &["outreach_status", "`paused`"],
    );
    assert_eq!(fs::read_to_string(&file)?, "mine");
    let names: Vec<_> = fs::read_dir(&folder)?
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, ["out.csv"]);
    let lost = outreach(&folder, &db).args(["prospects", "export", "--output", "none/out.csv"]);
    assert_one_line(&lost.run().await?, 2, &["none/out.csv"]);
    Ok(())
}

async fn an_export_takes_the_filter_of_the_list(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    saved(&folder, &db).await?;
    let export = outreach(&folder, &db)
        .args(["prospects", "export", "--format", "jsonl", "--has-email"])
        .run()
        .await?;
    let with_email = db
        .count("select count(*) from prospects where contact_email is not null")
        .await?;
    assert_eq!(i64::try_from(export.stdout.lines().count())?, with_email);
    Ok(())
}
