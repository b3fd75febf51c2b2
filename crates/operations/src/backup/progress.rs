//! What is being done, for whoever shows it.

use std::path::PathBuf;

/// Is called with each step, from the task that works; must not block.
pub type Progress<'a> = &'a (dyn Fn(Step) + Send + Sync);

/// What is done next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A backup is written to this temporary file.
    Writing {
        /// Its path.
        path: PathBuf,
    },
    /// So many bytes of the backup are written.
    Written {
        /// How many.
        bytes: u64,
    },
    /// The rows of all tables are counted and hashed.
    Counting {
        /// How many tables.
        tables: usize,
    },
    /// The checksum of a backup file is computed.
    Checking {
        /// Its path.
        path: PathBuf,
    },
    /// A scratch database was made; it is removed at the end.
    Scratch {
        /// Its name, or its path.
        name: String,
    },
    /// The backup is read back.
    Restoring,
    /// What was restored is compared with the manifest.
    Comparing,
    /// What was restored is committed. From here on it is too late to stop.
    Committing,
}
