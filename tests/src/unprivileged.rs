//! What makes a program feel permissions where the tests run as root.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The user who owns nothing.
pub(crate) const NOBODY: u32 = 65_534;

/// Whether this process is root, by the owner of what it creates.
pub(crate) fn is_root(folder: &Path) -> io::Result<bool> {
    let probe = tempfile::NamedTempFile::new_in(folder)?;
    Ok(probe.as_file().metadata()?.uid() == 0)
}

/// A copy of the program that everybody may run: the folder of the build may be
/// closed to others.
pub(crate) fn copy(program: &Path, folder: &Path) -> io::Result<PathBuf> {
    let copy = folder.join("unprivileged-program");
    fs::copy(program, &copy)?;
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    Ok(copy)
}
