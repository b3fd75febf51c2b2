//! The built programs, run as a user runs them.

use std::{
    env,
    ffi::{OsStr, OsString},
    marker::PhantomData,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdout, Command},
};

use crate::{built_program::built_program, unprivileged};

/// Nothing that a test runs may take longer.
const LONGEST_RUN: Duration = Duration::from_mins(2);

/// What a program keeps of the tests' environment: what it needs to start.
const KEPT_VARIABLES: [&str; 4] = ["PATH", "TMPDIR", "LD_LIBRARY_PATH", "LLVM_PROFILE_FILE"];

/// The name of a program of the workspace.
pub trait ProgramName {
    /// The file's name in the target folder.
    const NAME: &'static str;
}

/// Names the `outreach` command.
#[derive(Clone, Copy, Debug)]
pub struct OutreachProgram;

/// Names sea-orm-migration's own command line.
#[derive(Clone, Copy, Debug)]
pub struct MigrationProgram;

impl ProgramName for OutreachProgram {
    const NAME: &'static str = "outreach";
}

impl ProgramName for MigrationProgram {
    const NAME: &'static str = "migration";
}

/// The `outreach` command.
pub type Outreach = Program<OutreachProgram>;

/// sea-orm-migration's own command line.
pub type Migration = Program<MigrationProgram>;

/// A built program of the workspace with its arguments. It sees no variable of
/// the tests' environment but PATH and its like, and its home is its folder.
#[derive(Clone, Debug)]
pub struct Program<N> {
    folder: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    unprivileged: bool,
    name: PhantomData<N>,
}

/// What a program printed, and how it ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Output {
    /// The exit status; `None` when a signal ended the program.
    pub status: Option<i32>,
    /// What it printed as results.
    pub stdout: String,
    /// What it printed beside them.
    pub stderr: String,
}

/// A program that runs. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: Lines<BufReader<ChildStderr>>,
}

impl<N: ProgramName> Program<N> {
    /// The program, to be run in this folder.
    pub fn new(folder: impl AsRef<Path>) -> Self {
        let folder = folder.as_ref().to_owned();
        Self {
            variables: vec![("HOME".into(), folder.clone().into())],
            folder,
            arguments: Vec::new(),
            unprivileged: false,
            name: PhantomData,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments
            .extend(arguments.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Runs the program as a user whom permissions bind, also when the tests run
    /// as root: then a copy in the program's folder, which is opened to all.
    #[must_use]
    pub fn unprivileged(mut self) -> Self {
        self.unprivileged = true;
        self
    }

    /// Runs the program to its end, with nothing on its standard input.
    ///
    /// # Errors
    ///
    /// When it is not built, is older than its sources, cannot be started, or
    /// runs for longer than two minutes. An exit status is no error.
    pub async fn run(&self) -> anyhow::Result<Output> {
        self.run_with_input("").await
    }

    /// Runs the program to its end, with this text on its standard input.
    ///
    /// # Errors
    ///
    /// As [`Program::run`].
    pub async fn run_with_input(&self, input: &str) -> anyhow::Result<Output> {
        let mut child = self.command()?.stdin(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take();
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A program that ends without reading its input is no fault.
                let _ = tokio::io::AsyncWriteExt::write_all(&mut stdin, input.as_bytes()).await;
            }
        };
        let run = async { tokio::join!(feed, child.wait_with_output()).1 };
        let output = tokio::time::timeout(LONGEST_RUN, run)
            .await
            .with_context(|| format!("{} {:?} does not end", N::NAME, self.arguments))??;
        Ok(Output {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Starts the program and leaves it running.
    ///
    /// # Errors
    ///
    /// When it is not built, is older than its sources, or cannot be started.
    pub fn spawn(&self) -> anyhow::Result<Running> {
        let mut child = self.command()?.stdin(Stdio::null()).spawn()?;
        let stdout = child.stdout.take().context("the output is piped")?;
        let stderr = child.stderr.take().context("the errors are piped")?;
        Ok(Running {
            child,
            stdout: BufReader::new(stdout).lines(),
            stderr: BufReader::new(stderr).lines(),
        })
    }

    /// The program as the standard library's command, for a test that brings
    /// outputs of its own.
    ///
    /// # Errors
    ///
    /// When it is not built or is older than its sources.
    pub fn std_command(&self) -> anyhow::Result<std::process::Command> {
        Ok(self.command()?.into_std())
    }

    fn command(&self) -> anyhow::Result<Command> {
        let program = built_program(N::NAME)?;
        if !self.unprivileged || !unprivileged::is_root(&self.folder)? {
            return Ok(self.command_at(&program));
        }
        let mut command = self.command_at(&unprivileged::copy(&program, &self.folder)?);
        command.uid(unprivileged::NOBODY).gid(unprivileged::NOBODY);
        Ok(command)
    }

    fn command_at(&self, path: &Path) -> Command {
        let kept = KEPT_VARIABLES
            .iter()
            .filter_map(|name| Some((name, env::var_os(name)?)));
        let mut command = Command::new(path);
        command
            .current_dir(&self.folder)
            .env_clear()
            .envs(kept)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .args(&self.arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}

impl Running {
    /// The number of the process, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Reads standard output up to the next line that contains the text, and
    /// returns that line.
    ///
    /// # Errors
    ///
    /// When the output ends before, or two minutes pass.
    pub async fn wait_for_stdout(&mut self, text: &str) -> anyhow::Result<String> {
        wait_for_line(&mut self.stdout, text).await
    }

    /// Reads standard error up to the next line that contains the text, and
    /// returns that line.
    ///
    /// # Errors
    ///
    /// When the output ends before, or two minutes pass.
    pub async fn wait_for_stderr(&mut self, text: &str) -> anyhow::Result<String> {
        wait_for_line(&mut self.stderr, text).await
    }

    /// Ends the program as `kill -9` does, and waits until it is gone.
    pub async fn kill_9(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Sends a signal, such as `TERM` or `INT`, and goes on.
    ///
    /// # Errors
    ///
    /// When the program has ended, or the signal is unknown.
    pub async fn signal(&self, name: &str) -> anyhow::Result<()> {
        let id = self.id().context("the program has ended")?;
        let status = Command::new("kill")
            .args(["-s", name, &id.to_string()])
            .status()
            .await?;
        if !status.success() {
            bail!("`kill -s {name} {id}` failed");
        }
        Ok(())
    }

    /// Waits for the end, and returns what was printed after the lines that were
    /// waited for.
    ///
    /// # Errors
    ///
    /// When the program runs for two minutes more.
    pub async fn wait(mut self) -> anyhow::Result<Output> {
        let ended = async {
            tokio::try_join!(
                rest(self.stdout.into_inner()),
                rest(self.stderr.into_inner()),
                async { Ok(self.child.wait().await?) },
            )
        };
        let (stdout, stderr, status) = tokio::time::timeout(LONGEST_RUN, ended)
            .await
            .context("the program does not end")??;
        Ok(Output {
            status: status.code(),
            stdout,
            stderr,
        })
    }
}

async fn wait_for_line(
    lines: &mut Lines<BufReader<impl AsyncRead + Unpin>>,
    text: &str,
) -> anyhow::Result<String> {
    let mut seen = String::new();
    let found = async {
        while let Some(line) = lines.next_line().await? {
            if line.contains(text) {
                return Ok(line);
            }
            seen.push_str(&line);
            seen.push('\n');
        }
        bail!("the output ended")
    };
    tokio::time::timeout(LONGEST_RUN, found)
        .await
        .map_err(anyhow::Error::from)
        .flatten()
        .with_context(|| format!("no line with `{text}` in the program's output:\n{seen}"))
}

async fn rest(mut from: impl AsyncRead + Unpin) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cargo builds a package's own programs for its tests.
    #[derive(Clone)]
    struct Regenerate;

    impl ProgramName for Regenerate {
        const NAME: &'static str = "regenerate-entities";
    }

    #[tokio::test]
    async fn a_program_sees_nothing_of_the_tests_environment() {
        let folder = tempfile::tempdir().unwrap();
        let program = Program::<Regenerate>::new(folder.path()).env("GIVEN", "1");
        let output = program.command_at(Path::new("/usr/bin/env")).output().await;
        let seen = String::from_utf8(output.unwrap().stdout).unwrap();

        // Cargo sets this for tests; whatever else is set is kept away alike.
        assert!(env::var_os("CARGO_MANIFEST_DIR").is_some());
        let mut names: Vec<_> = seen.lines().filter_map(|l| l.split('=').next()).collect();
        names.retain(|name| !KEPT_VARIABLES.contains(name));
        names.sort_unstable();
        assert_eq!(names, ["GIVEN", "HOME"]);
    }

    #[tokio::test]
    async fn output_and_status_are_returned() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let program = Program::<Regenerate>::new(folder.path());
        let help = program.clone().arg("--help").run().await?;
        assert_eq!(help.status, Some(0));
        assert!(help.stdout.contains("--check"), "{}", help.stdout);
        let wrong = program.args(["--no-such-flag"]).run().await?;
        assert_eq!((wrong.status, wrong.stdout.as_str()), (Some(2), ""));
        assert!(wrong.stderr.contains("--no-such-flag"));
        Ok(())
    }

    #[tokio::test]
    async fn a_running_program_is_read_by_the_line_and_to_its_end() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let program = Program::<Regenerate>::new(folder.path()).arg("--help");
        let mut running = program.spawn()?;
        let line = running.wait_for_stdout("Usage").await?;
        assert!(line.contains("regenerate-entities"));
        assert!(running.wait().await?.stdout.contains("--check"));

        let error = program.spawn()?.wait_for_stdout("never said").await;
        assert!(error.unwrap_err().to_string().contains("Usage"));
        Ok(())
    }

    #[tokio::test]
    async fn a_killed_program_is_gone() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let program = Program::<Regenerate>::new(folder.path());
        let running = program.arg("--check").spawn()?;
        let id = running.id().context("it runs")?;
        running.kill_9().await?;
        let probe = Command::new("kill")
            .args(["-s", "0", &id.to_string()])
            .output()
            .await?;
        assert!(!probe.status.success());
        Ok(())
    }
}
