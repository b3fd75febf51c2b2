//! Files of lines that survive kill -9: one write(2) for each line, at the end of
//! the file, so that no line is torn and none of a dead process is lost.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

/// The calls of all workers to the provider.
pub(crate) const CALLS: &str = "calls.jsonl";

/// What happened in all workers.
pub(crate) const EVENTS: &str = "events.jsonl";

/// A call to the provider. It is written before the provider works on it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Call {
    /// Which process made it.
    pub(crate) worker: String,
    pub(crate) keyword: String,
    pub(crate) location: String,
}

/// Something that a worker told.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the word of the journal's lines")]
pub(crate) struct Event {
    /// Microseconds since 1970.
    pub(crate) at: u64,
    /// Which process told it.
    pub(crate) worker: String,
    /// `claimed`, `ended`, `expired`, `unreachable` or `reachable`.
    pub(crate) event: String,
    pub(crate) job: Option<Uuid>,
    /// How an attempt ended, or what could not be reached.
    pub(crate) detail: Option<String>,
}

/// A file that several processes append lines to.
#[derive(Debug)]
pub(crate) struct Journal(File);

impl Journal {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        File::options()
            .create(true)
            .append(true)
            .open(path)
            .map(Self)
    }

    /// Appends a line.
    pub(crate) fn write(&self, line: &impl Serialize) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        let written = (&self.0).write(&bytes)?;
        if written < bytes.len() {
            return Err(io::Error::other("a line of the journal was torn"));
        }
        Ok(())
    }
}

/// All lines of a journal; none where nobody has written any.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text?,
    };
    text.lines()
        .map(|line| {
            serde_json::from_str(line).with_context(|| format!("in {}: {line}", path.display()))
        })
        .collect()
}

/// This machine's time, in microseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
