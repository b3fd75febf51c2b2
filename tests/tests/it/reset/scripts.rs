//! The scripts that operators know.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use outreach_tests::{Output, Outreach, TestDb};
use tempfile::TempDir;

use super::{hashes, name};
use crate::backup::folder;

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../scripts")
        .join(name)
}

/// The shell script with the built program in `OUTREACH`.
fn run(folder: &TempDir, url: &str, arguments: &[&str]) -> anyhow::Result<Output> {
    let program = Outreach::new(folder).std_command()?;
    let output = Command::new(script("reset_database.sh"))
        .args(arguments)
        .env("OUTREACH", program.get_program())
        .env("DATABASE_URL", url)
        .env_remove("OUTREACH_ENVIRONMENT")
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()?;
    Ok(Output {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
    })
}

#[tokio::test]
async fn f21_sqlite_the_shell_script_has_the_guards_and_the_exit_status_of_the_command()
-> anyhow::Result<()> {
    let db = TestDb::sqlite().await?;
    let folder = folder()?;
    let before = hashes(&db).await?;
    let refused = run(&folder, db.url(), &["--yes"])?;
    assert_eq!(refused.status, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("--confirm"), "{refused:?}");
    assert_eq!(hashes(&db).await?, before);
    fs::write(folder.path().join("backups"), "a file")?;
    let failed = run(&folder, db.url(), &["--confirm", &name(&db)])?;
    assert_eq!(failed.status, Some(2), "{failed:?}");
    fs::remove_file(folder.path().join("backups"))?;
    let done = run(&folder, db.url(), &["--confirm", &name(&db)])?;
    assert_eq!(done.status, Some(0), "{done:?}");
    Ok(())
}

#[test]
fn the_shell_script_refuses_a_password_on_the_command_line_and_names_a_missing_program()
-> anyhow::Result<()> {
    let folder = folder()?;
    let secret = "postgres://me:hunter2@localhost/x";
    for arguments in [
        &["--database", secret][..],
        &[&format!("--database={secret}")],
    ] {
        let refused = run(&folder, "", arguments)?;
        assert_eq!(refused.status, Some(1), "{refused:?}");
        assert!(refused.stderr.contains("DATABASE_URL"), "{refused:?}");
        assert!(!refused.stderr.contains("hunter2"), "{refused:?}");
    }
    let alone = folder.path().join("scripts");
    fs::create_dir(&alone)?;
    let copy = alone.join("reset_database.sh");
    fs::copy(script("reset_database.sh"), &copy)?;
    let output = Command::new("bash")
        .arg(&copy)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .output()?;
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr)?.contains("cargo build"));
    Ok(())
}

/// What a shell lint or PowerShell itself would say is not asked here: neither
/// may be there.
#[test]
fn the_powershell_script_is_powershell_and_has_the_steps_of_the_shell_script() -> anyhow::Result<()>
{
    let text = fs::read_to_string(script("reset_database.ps1"))?;
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&tree_sitter_powershell::LANGUAGE.into())?;
    let tree = parser.parse(&text, None).expect("a language is set");
    let root = tree.root_node();
    assert!(!root.has_error(), "{}", root.to_sexp());
    let damaged = text.replacen("if ($command) {", "if ($command {", 1);
    let tree = parser.parse(&damaged, None).expect("a language is set");
    assert!(tree.root_node().has_error(), "a damaged script is noticed");

    let shell = fs::read_to_string(script("reset_database.sh"))?;
    for both in [
        "OUTREACH",
        "CARGO_TARGET_DIR",
        "release",
        "debug",
        "cargo build",
        "exit 1",
    ] {
        assert!(shell.contains(both) && text.contains(both), "{both}");
    }
    assert!(text.contains("reset @args") && text.contains("exit $LASTEXITCODE"));
    assert!(
        text.is_ascii(),
        "Windows PowerShell reads it in the system's code page"
    );
    Ok(())
}
