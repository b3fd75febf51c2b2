//! Looks after a folder of backups.

use std::{
    fs::{self, File},
    io,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use super::{
    Backup, BackupError, Manifest,
    name::{JOURNAL_SUFFIX, MANIFEST_SUFFIX, PARTIAL_SUFFIX, same_origin},
};

/// What a folder of backups has in it.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Listing {
    /// The backups with a manifest that can be read and a file of the right
    /// length, the newest first. Checksums are not looked at.
    pub backups: Vec<Backup>,
    /// What a killed backup has left: temporary files that nobody writes to, and
    /// manifests without their backup.
    pub leftovers: Vec<PathBuf>,
    /// Backups that can't be used, each with the reason.
    pub unusable: Vec<(PathBuf, String)>,
}

/// What was removed from a folder.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Pruned {
    /// Backups; their manifests are gone with them.
    pub backups: Vec<PathBuf>,
    /// What killed backups had left.
    pub leftovers: Vec<PathBuf>,
    /// The backups that are kept, the newest first.
    pub kept: Vec<PathBuf>,
    /// Backups that can't be used and were left alone, each with the reason.
    pub unusable: Vec<(PathBuf, String)>,
}

/// Looks at a folder of backups. Other files in it are passed over.
///
/// # Errors
///
/// [`BackupError::Read`] when the folder can't be read.
pub fn list(directory: &Path) -> Result<Listing, BackupError> {
    let read = |source| BackupError::Read {
        path: directory.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(read)? {
        paths.push(entry.map_err(read)?.path());
    }
    paths.sort();
    // A running backup gives its manifest its name first, and its file next.
    let (left, busy): (Vec<&PathBuf>, Vec<&PathBuf>) = paths
        .iter()
        .filter(|path| is_partial(path))
        .partition(|path| is_unused(path));
    let is_finished = |path: &Path| {
        let stem = path.with_extension("");
        let stem = stem.as_os_str().as_encoded_bytes();
        let of_it = |busy: &&PathBuf| busy.as_os_str().as_encoded_bytes().starts_with(stem);
        !busy.iter().any(of_it)
    };
    let mut listing = Listing::default();
    for path in &paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Some(stem) = name.strip_suffix(MANIFEST_SUFFIX) else {
            continue;
        };
        let backup = path.with_file_name(stem);
        if backup.exists() || is_finished(&backup) {
            listing.add(backup, path);
        }
    }
    listing.leftovers.extend(left.into_iter().cloned());
    let newest_first = |a: &Backup, b: &Backup| {
        (b.manifest.taken_at, &b.path).cmp(&(a.manifest.taken_at, &a.path))
    };
    listing.backups.sort_by(newest_first);
    Ok(listing)
}

impl Listing {
    fn add(&mut self, path: PathBuf, manifest_path: &Path) {
        let manifest = match Manifest::read(&path) {
            Ok(manifest) => manifest,
            Err(error) => return self.unusable.push((path, error.to_string())),
        };
        match fs::metadata(&path) {
            Ok(file) if file.is_file() && file.len() == manifest.bytes => {
                self.backups.push(Backup { path, manifest });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.leftovers.push(manifest_path.to_owned());
            }
            Ok(_) => self
                .unusable
                .push((path, "its length is another one".to_owned())),
            Err(error) => self.unusable.push((path, error.to_string())),
        }
    }
}

/// Removes all but the newest backups of each database and schema, and what
/// killed backups have left. A file without a manifest of ours is never removed,
/// and a backup that can't be used is neither removed nor counted.
///
/// With `dry_run` nothing is removed, and what would be is returned.
///
/// # Errors
///
/// [`BackupError`] names the file that could not be removed.
pub fn prune(directory: &Path, keep: NonZeroUsize, dry_run: bool) -> Result<Pruned, BackupError> {
    let listing = list(directory)?;
    let mut pruned = Pruned {
        unusable: listing.unusable,
        ..Pruned::default()
    };
    for (place, backup) in listing.backups.iter().enumerate() {
        let newer = &listing.backups[..place];
        let newer = newer
            .iter()
            .filter(|newer| same_origin(&newer.manifest, &backup.manifest));
        if newer.count() < keep.get() {
            pruned.kept.push(backup.path.clone());
            continue;
        }
        if !dry_run {
            // The manifest last: alone, it is known for what it is.
            remove(&backup.path)?;
            remove(&Manifest::path_of(&backup.path))?;
        }
        pruned.backups.push(backup.path.clone());
    }
    for path in listing.leftovers {
        if !dry_run {
            remove(&path)?;
        }
        pruned.leftovers.push(path);
    }
    Ok(pruned)
}

fn remove(path: &Path) -> Result<(), BackupError> {
    fs::remove_file(path).map_err(|source| BackupError::Write {
        path: path.to_owned(),
        source,
    })
}

fn is_partial(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    is_of_a_backup(&name.to_string_lossy())
}

/// `…-YYYYMMDDTHHMMSSZ.XXXXXX.partial`, as [`Partial`](super::partial::Partial)
/// names its files.
fn is_of_a_backup(name: &str) -> bool {
    let name = name.strip_suffix(JOURNAL_SUFFIX).unwrap_or(name);
    let Some(name) = name.strip_suffix(PARTIAL_SUFFIX) else {
        return false;
    };
    let time = name
        .rsplit_once('.')
        .and_then(|(stem, _)| stem.rsplit_once('-'));
    time.is_some_and(|(_, time)| {
        chrono::NaiveDateTime::parse_from_str(time, "%Y%m%dT%H%M%SZ").is_ok()
    })
}

/// Whoever writes to it holds its lock; a journal goes with its file.
fn is_unused(path: &Path) -> bool {
    let name = path.as_os_str().to_string_lossy();
    if let Some(file) = name.strip_suffix(JOURNAL_SUFFIX) {
        let file = Path::new(file);
        return !file.exists() || is_unused(file);
    }
    File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_a_backup_makes_are_leftovers() {
        assert!(is_of_a_backup(
            "a.b-m2025_x-20260101T000000Z.Ab12Cd.partial"
        ));
        assert!(is_of_a_backup(
            "a-none-20260101T000000Z.Ab12Cd.partial-journal"
        ));
        assert!(!is_of_a_backup("notes.partial"));
        assert!(!is_of_a_backup("notes-of-today.txt.partial"));
        assert!(!is_of_a_backup("a-20260101T000000Z.dump"));
    }
}
