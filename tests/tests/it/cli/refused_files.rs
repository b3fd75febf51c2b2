//! Files that can't be used, and files with rows that can't.

use std::{fs, path::PathBuf};

use outreach_tests::{Outreach, TestDb, matrix_tests};
use tempfile::TempDir;

use super::{assert_one_line, contents, folder, json, outreach};

matrix_tests! {
    f24_a_row_that_can_not_be_used_costs_no_other_row,
    a_file_that_gives_nothing_is_refused_and_the_database_stays_as_it_was,
    contacts_that_can_not_be_read_are_refused;
    on_empty:
    a_refused_file_does_not_even_set_up_the_database,
}

fn discover(folder: &TempDir, db: &TestDb) -> Outreach {
    outreach(folder, db).args(["discover", "-k", "a", "-l", "usa", "--migrate"])
}

/// Files that give nothing, with the words of their refusal.
fn useless_files(folder: &TempDir) -> anyhow::Result<Vec<(PathBuf, Vec<&'static str>)>> {
    let path = |name: &str| folder.path().join(name);
    let long = "x".repeat(10 << 20);
    let good = r#"{"tasks":[{"status_code":20000,"data":{"keyword":"a"},"result":[{"items":["#;
    let files: [(&str, Vec<u8>, &[&str]); 6] = [
        ("empty.csv", Vec::new(), &["empty.csv", "it is empty"]),
        (
            "header.csv",
            b"url,title\n".into(),
            &["header.csv", "no rows"],
        ),
        (
            "column.csv",
            b"uri,title\na,b\n".into(),
            &["no column `url`", "uri"],
        ),
        (
            "long.csv",
            format!("url,title\nhttps://a.example/,{long}\n").into(),
            &["line 2"],
        ),
        (
            "bytes.csv",
            b"url,title\nhttps://\xff.example/,\xff\n".into(),
            &["UTF-8"],
        ),
        ("cut.json", good.into(), &["cut.json", "no rows"]),
    ];
    let mut cases = vec![
        (path("not-there.csv"), vec!["not-there.csv", "No such file"]),
        (
            path("nothing-in-it"),
            vec!["nothing-in-it", "no result files", "*.csv"],
        ),
    ];
    fs::create_dir(path("nothing-in-it"))?;
    fs::write(path("nothing-in-it").join("notes.txt"), "x")?;
    for (name, bytes, words) in files {
        fs::write(path(name), bytes)?;
        cases.push((path(name), words.to_vec()));
    }
    Ok(cases)
}

async fn a_file_that_gives_nothing_is_refused_and_the_database_stays_as_it_was(
    db: TestDb,
) -> anyhow::Result<()> {
    let folder = folder()?;
    let before = contents(&db).await?;
    for (file, words) in useless_files(&folder)? {
        let output = discover(&folder, &db).arg("-r").arg(file).run().await?;
        assert_one_line(&output, 1, &words);
    }
    assert_eq!(contents(&db).await?, before);
    Ok(())
}

async fn a_refused_file_does_not_even_set_up_the_database(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let output = discover(&folder, &db)
        .args(["-r", "not-there.csv"])
        .run()
        .await?;
    assert_one_line(&output, 1, &["not-there.csv"]);
    assert!(contents(&db).await?.is_empty());

    // With the default database, no file comes to be.
    let program = Outreach::new(&folder).args(["discover", "-l", "usa", "--migrate", "-r", "none"]);
    assert_one_line(&program.run().await?, 1, &["none"]);
    assert_eq!(fs::read_dir(&folder)?.count(), 0);
    Ok(())
}

async fn contacts_that_can_not_be_read_are_refused(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let before = contents(&db).await?;
    fs::write(
        folder.path().join("results.csv"),
        "url\nhttps://a.example/\n",
    )?;
    fs::write(
        folder.path().join("contacts.csv"),
        "site,mail\na.example,b@a.example\n",
    )?;
    let run = |contacts| {
        let program = discover(&folder, &db).args(["-r", "results.csv"]);
        program.args(["--contacts", contacts])
    };
    let output = run("contacts.csv").run().await?;
    assert_one_line(&output, 1, &["no column `domain`"]);
    assert_one_line(&run("none.csv").run().await?, 1, &["none.csv"]);
    assert_eq!(contents(&db).await?, before);
    Ok(())
}

async fn f24_a_row_that_can_not_be_used_costs_no_other_row(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let results = folder.path().join("results");
    fs::create_dir(&results)?;
    let long = "x".repeat(10 << 20);
    let rows: [(&str, Vec<u8>); 5] = [
        (
            "1-nul.csv",
            b"url,title\nhttps://nul.example/,a\0b\nhttps://one.example/,\n".into(),
        ),
        (
            "2-long.csv",
            format!("url,title\nhttps://b.example/,{long}\nhttps://two.example/,\n").into(),
        ),
        (
            "3-bytes.csv",
            b"url,title\nhttps://\xff.example/,\nhttps://three.example/,\n".into(),
        ),
        (
            "4-cut.jsonl",
            b"{\"url\":\"https://four.example/\"}\n{\"url\":\"https://ei".into(),
        ),
        ("5-empty.csv", Vec::new()),
    ];
    for (name, bytes) in rows {
        fs::write(results.join(name), bytes)?;
    }
    fs::write(results.join("notes.txt"), "not a result file")?;

    let run = discover(&folder, &db).args(["--json", "-r"]).arg(&results);
    let output = run.run().await?;
    let outcome = json(&output)?;
    let files = &outcome["files"]["results"];
    assert_eq!(files["ignored_files"], 1, "{files}");
    assert_eq!(files["rows_set_aside"], 3, "{files}");
    let saved = "select domain from prospects order by domain";
    let domains: Vec<_> = db
        .sql(saved)
        .await?
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    assert_eq!(
        domains,
        [
            "four.example",
            "one.example",
            "three.example",
            "two.example"
        ]
    );
    assert_eq!(outcome["result"]["search_statistics"]["results_invalid"], 1);
    for words in [
        "1-nul.csv:2: ",
        "2-long.csv line 2: ",
        "3-bytes.csv line 2: ",
        "4-cut.jsonl line 2: ",
    ] {
        assert!(
            output.stderr.contains(words),
            "no `{words}` in {}",
            output.stderr
        );
    }
    Ok(())
}
