//! The name typed on a terminal.

use std::{
    io::{Read, Write},
    process::Stdio,
};

use outreach_tests::{TestDb, matrix_tests};

use super::{hashes, name, settle};
use crate::backup::{folder, outreach};

matrix_tests! { f21_on_a_terminal_the_name_has_to_be_typed_whole }

async fn f21_on_a_terminal_the_name_has_to_be_typed_whole(db: TestDb) -> anyhow::Result<()> {
    let before = hashes(&db).await?;
    let name = name(&db);
    for wrong in ["y\n", "yes\n", "\n", &name[1..]] {
        let (status, shown) = typed(&db, wrong).await?;
        assert_eq!(status, Some(1), "{shown}");
        assert!(shown.contains("Type the name"), "{shown}");
        assert!(shown.contains("nothing was changed"), "{shown}");
        settle(&db).await?;
        assert_eq!(hashes(&db).await?, before, "{wrong:?}");
    }
    let (status, shown) = typed(&db, &name).await?;
    assert_eq!(status, Some(0), "{shown}");
    assert!(shown.contains("reset: "), "{shown}");
    Ok(())
}

/// Runs a reset whose standard input is a terminal, and types this.
async fn typed(db: &TestDb, text: &str) -> anyhow::Result<(Option<i32>, String)> {
    let folder = folder()?;
    let command = outreach(&folder, db).arg("reset").std_command()?;
    let (mut terminal, other_end) = pty_process::blocking::open()?;
    let mut in_terminal = pty_process::blocking::Command::new(command.get_program())
        .args(command.get_args())
        .env_clear()
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            in_terminal = in_terminal.env(name, value);
        }
    }
    terminal.write_all(format!("{}\n", text.trim_end()).as_bytes())?;
    tokio::task::spawn_blocking(move || {
        let mut child = in_terminal.spawn(other_end)?;
        // Two pipes, read one after the other: neither fills.
        let (mut stdout, mut stderr) = (String::new(), String::new());
        if let Some(mut pipe) = child.stdout.take() {
            pipe.read_to_string(&mut stdout)?;
        }
        if let Some(mut pipe) = child.stderr.take() {
            pipe.read_to_string(&mut stderr)?;
        }
        let status = child.wait()?;
        drop(terminal);
        Ok((status.code(), stdout + &stderr))
    })
    .await?
}
