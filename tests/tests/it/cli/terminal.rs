//! What a terminal gets and a pipe does not.

use std::{fs, process::Stdio};

use outreach_tests::{Outreach, TestDb};
use tempfile::TempDir;

use super::{discover_examples, examples, folder, outreach};

#[tokio::test]
async fn sqlite_a_pipe_gets_no_bytes_of_a_progress_bar() -> anyhow::Result<()> {
    let (folder, db) = (folder()?, TestDb::sqlite().await?);
    let output = discover_examples(&folder, &db).run().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    for text in [&output.stdout, &output.stderr] {
        let control = text.find(|c: char| c.is_control() && c != '\n');
        assert_eq!(control, None, "{text:?}");
        assert!(!text.contains('█'), "{text}");
    }
    Ok(())
}

/// A title with an escape sequence in it, saved.
async fn with_hostile_title(folder: &TempDir, db: &TestDb) -> anyhow::Result<()> {
    let results = folder.path().join("results.csv");
    fs::write(
        &results,
        "url,title\nhttps://a.example/,=\u{1b}[2J\u{9b}31m\u{202e}x\n",
    )?;
    let run = outreach(folder, db).args(["discover", "-l", "usa", "-r", "results.csv"]);
    assert_eq!(run.run().await?.status, Some(0));
    Ok(())
}

#[tokio::test]
async fn sqlite_what_strangers_wrote_is_escaped() -> anyhow::Result<()> {
    let (folder, db) = (folder()?, TestDb::sqlite().await?);
    with_hostile_title(&folder, &db).await?;
    let list = || outreach(&folder, &db).args(["prospects", "list"]);
    let table = list().run().await?.stdout;
    let json = super::json(&list().arg("--json").run().await?)?;
    let text = list().arg("--json").run().await?.stdout;
    let id = json["items"][0]["id"].as_str().unwrap().to_owned();
    let show = outreach(&folder, &db)
        .args(["prospects", "show", &id])
        .run()
        .await?;
    for text in [&table, &text, &show.stdout] {
        assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{text:?}");
    }
    assert!(table.contains(r"=\u{1b}[2J"), "{table}");
    // JSON says the same characters in its own way.
    assert_eq!(
        json["items"][0]["page_title"],
        "=\u{1b}[2J\u{9b}31m\u{202e}x"
    );
    Ok(())
}

#[tokio::test]
async fn sqlite_a_reader_that_goes_away_is_no_error() -> anyhow::Result<()> {
    let (folder, db) = (folder()?, TestDb::sqlite().await?);
    let run = discover_examples(&folder, &db).run().await?;
    assert_eq!(run.status, Some(0));
    for arguments in [
        &["prospects", "export", "--format", "jsonl"][..],
        &["prospects", "list", "--limit", "500"],
        &["jobs", "list", "--json"],
    ] {
        let mut command = outreach(&folder, &db).args(arguments).std_command()?;
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let child = command.stdout(writer).stderr(Stdio::piped()).spawn()?;
        drop(command);
        let output = child.wait_with_output()?;
        let stderr = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
        assert!(
            !stderr.contains("error") && !stderr.contains("panicked"),
            "{stderr}"
        );
    }
    Ok(())
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn sqlite_output_that_can_not_be_written_is_a_failure() -> anyhow::Result<()> {
    let (folder, db) = (folder()?, TestDb::sqlite().await?);
    let mut command = outreach(&folder, &db)
        .args(["prospects", "export"])
        .std_command()?;
    let full = fs::File::options().write(true).open("/dev/full")?;
    let output = command.stdout(full).output()?;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8(output.stderr)?.contains("cannot write the output"));
    Ok(())
}

#[tokio::test]
async fn help_and_version_succeed_and_no_arguments_are_refused() -> anyhow::Result<()> {
    let folder = folder()?;
    let run = async |arguments: &[&str]| Outreach::new(&folder).args(arguments).run().await;
    let help = run(&["--help"]).await?;
    assert_eq!(help.status, Some(0));
    assert!(help.stdout.contains("Exit status:"), "{}", help.stdout);
    for command in ["migrate", "discover", "work", "jobs", "prospects"] {
        assert!(help.stdout.contains(command), "{command}");
        assert_eq!(run(&[command, "--help"]).await?.status, Some(0));
    }
    assert_eq!(run(&["--version"]).await?.stdout.lines().count(), 1);
    let nothing = run(&[]).await?;
    assert_eq!((nothing.status, nothing.stdout.as_str()), (Some(1), ""));
    assert_eq!(run(&["no-such-command"]).await?.status, Some(1));
    Ok(())
}

#[tokio::test]
async fn sqlite_the_default_database_is_a_file_in_the_working_directory() -> anyhow::Result<()> {
    let folder = folder()?;
    let discover = Outreach::new(&folder)
        .env("DATABASE_URL", "")
        .args([
            "discover",
            "-k",
            "home decor blog",
            "-l",
            "usa",
            "--migrate",
            "-r",
        ])
        .arg(examples("results.csv"));
    assert_eq!(discover.run().await?.status, Some(0));
    assert!(folder.path().join("outreach.db").is_file());
    assert_eq!(
        Outreach::new(&folder)
            .args(["jobs", "list"])
            .run()
            .await?
            .status,
        Some(0)
    );
    Ok(())
}
