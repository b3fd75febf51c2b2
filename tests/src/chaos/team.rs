//! The worker processes of a run.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
    task::JoinHandle,
};

use super::worker::{ProcessSettings, WorkerSettings};
use crate::built_program::built_program;

/// How long workers may take to end after the last job.
const LONGEST_END: Duration = Duration::from_secs(40);

/// The names of all workers' connections and owners begin with it.
pub(crate) const NAME: &str = "chaos-w";

/// The processes, each in its place; a place has another process after a kill.
#[derive(Debug)]
pub(crate) struct Team {
    settings: WorkerSettings,
    program: PathBuf,
    members: Vec<Member>,
    started: u64,
}

#[derive(Debug)]
struct Member {
    name: String,
    child: Child,
    /// Lets a stopped process go on when its time has come. By itself: what the
    /// schedule does meanwhile may wait for a lock that the process has.
    stopped: Option<JoinHandle<()>>,
}

impl Team {
    /// Starts so many workers.
    pub(crate) async fn start(settings: WorkerSettings, count: usize) -> anyhow::Result<Self> {
        let mut team = Self {
            settings,
            program: built_program("chaos-worker")?,
            members: Vec::with_capacity(count),
            started: 0,
        };
        for place in 0..count {
            let member = team.spawn(place).await?;
            team.members.push(member);
        }
        Ok(team)
    }

    /// Where the journals are.
    pub(crate) fn folder(&self) -> &Path {
        &self.settings.folder
    }

    async fn spawn(&mut self, place: usize) -> anyhow::Result<Member> {
        self.started += 1;
        let name = format!("{NAME}{place}p{}", self.started);
        let log = File::create(self.settings.folder.join(format!("{name}.log")))?;
        let mut child = Command::new(&self.program)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("could not start `chaos-worker`")?;
        let mut common = self.settings.clone();
        common.seed = common.seed.wrapping_mul(1_000).wrapping_add(self.started);
        let settings = ProcessSettings {
            name: name.clone(),
            common,
        };
        let mut line = serde_json::to_vec(&settings)?;
        line.push(b'\n');
        let input = child.stdin.as_mut().context("a worker has an input")?;
        input.write_all(&line).await?;
        input.flush().await?;
        Ok(Member {
            name,
            child,
            stopped: None,
        })
    }

    /// Starts a worker more.
    pub(crate) async fn add(&mut self) -> anyhow::Result<()> {
        let member = self.spawn(self.members.len()).await?;
        self.members.push(member);
        Ok(())
    }

    /// The names of the processes that are not stopped, with their places.
    pub(crate) fn running(&self) -> Vec<(usize, String)> {
        self.members
            .iter()
            .enumerate()
            .filter(|(_, member)| !member.is_stopped())
            .map(|(place, member)| (place, member.name.clone()))
            .collect()
    }

    /// Kills the process in this place with SIGKILL. It is gone when this returns.
    pub(crate) async fn kill(&mut self, place: usize) -> anyhow::Result<()> {
        self.members[place].child.kill().await?;
        Ok(())
    }

    /// Starts another process in the place of a killed one.
    pub(crate) async fn replace(&mut self, place: usize) -> anyhow::Result<()> {
        self.members[place] = self.spawn(place).await?;
        Ok(())
    }

    /// Stops a process with SIGSTOP; it goes on after this time.
    pub(crate) fn stop(&mut self, place: usize, time: Duration) -> anyhow::Result<()> {
        let member = &mut self.members[place];
        let pid = member.pid()?;
        kill_process(pid, Signal::STOP)?;
        member.stopped = Some(tokio::spawn(async move {
            tokio::time::sleep(time).await;
            // A stopped process is not killed, so it is still this one. Should it
            // have ended by itself, that is found elsewhere.
            let _ = kill_process(pid, Signal::CONT);
        }));
        Ok(())
    }

    /// Waits until no process is stopped.
    pub(crate) async fn all_resumed(&mut self) -> anyhow::Result<()> {
        for member in &mut self.members {
            if let Some(stopped) = member.stopped.take() {
                stopped.await?;
            }
        }
        Ok(())
    }

    /// Fails when a worker has ended by itself.
    pub(crate) fn refuse_the_dead(&mut self) -> anyhow::Result<()> {
        for member in &mut self.members {
            if let Some(status) = member.child.try_wait()? {
                bail!("worker {} ended by itself: {status}", member.name);
            }
        }
        Ok(())
    }

    /// Tells all to end, and waits until they have.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        for member in &mut self.members {
            drop(member.child.stdin.take());
        }
        for member in &mut self.members {
            let ended = tokio::time::timeout(LONGEST_END, member.child.wait()).await;
            let status =
                ended.with_context(|| format!("worker {} does not end", member.name))??;
            refuse_failure(&member.name, status)?;
        }
        Ok(())
    }
}

impl Member {
    fn is_stopped(&self) -> bool {
        let stopped = self.stopped.as_ref();
        stopped.is_some_and(|stopped| !stopped.is_finished())
    }

    fn pid(&self) -> anyhow::Result<Pid> {
        self.child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw)
            .with_context(|| format!("worker {} has ended by itself", self.name))
    }
}

impl Drop for Member {
    /// The process goes too, and its number may become another one's.
    fn drop(&mut self) {
        if let Some(stopped) = &self.stopped {
            stopped.abort();
        }
    }
}

fn refuse_failure(name: &str, status: ExitStatus) -> anyhow::Result<()> {
    if !status.success() {
        bail!("worker {name} ended with {status}");
    }
    Ok(())
}
