//! SQLite's files, seen from outside.

use std::{ffi::OsString, fs::File, io::Read, path::Path};

/// Whether a connection that may only read would leave files beside this one.
///
/// A file in WAL mode that nobody has open has no log beside it. Every
/// connection then makes a log and its index, and the last one to close removes
/// them, unless it may only read. So such a file has to be opened for writing
/// (`mode=rw`) in order to leave everything as it was; nothing is written to the
/// file by that.
///
/// False where a log is there already: somebody has the file open, or its last
/// user died, and closing for writing would move the log's content into the file.
#[must_use]
pub fn leaves_a_log(path: &Path) -> bool {
    is_wal(path) && !log_of(path).exists()
}

/// The header's version numbers, for writing and for reading, are 2 in WAL mode.
fn is_wal(path: &Path) -> bool {
    let mut header = [0; 20];
    // A path that is no file, a pipe say, could make the program wait.
    path.is_file()
        && File::open(path)
            .and_then(|mut file| file.read_exact(&mut header))
            .is_ok()
        && header.starts_with(b"SQLite format 3\0")
        && header[18..] == [2, 2]
}

fn log_of(path: &Path) -> std::path::PathBuf {
    let mut name = OsString::from(path);
    name.push("-wal");
    name.into()
}
