//! `outreach backup list` and `outreach backup prune`.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use indicatif::HumanBytes;
use outreach_domain::escape_for_terminal;
use outreach_operations::backup::{self, Listing};

use super::{Summary, taken_at};
use crate::{
    exit::Error,
    output::{self, Table},
};

pub(super) fn list(directory: &Path, json: bool) -> Result<(), Error> {
    let listing = backup::list(directory).map_err(Error::failed)?;
    if json {
        let backups: Vec<Summary<'_>> = listing.backups.iter().map(Summary::of).collect();
        output::print_json(&serde_json::json!({
            "backups": backups,
            "leftovers": texts(&listing.leftovers),
            "unusable": texts(listing.unusable.iter().map(|(path, _)| path)),
        }))?;
    } else {
        output::print(&table(&listing))?;
    }
    say_unusable(&listing.unusable);
    for path in &listing.leftovers {
        say(
            "left by a killed backup, `outreach backup prune` removes it: ",
            path,
        );
    }
    Ok(())
}

fn table(listing: &Listing) -> String {
    let columns = [
        ("TAKEN AT", 20),
        ("DATABASE", 30),
        ("SCHEMA", 20),
        ("ROWS", 12),
        ("SIZE", 12),
        ("FILE", 250),
    ];
    let mut table = Table::new(&columns);
    for backup in &listing.backups {
        let manifest = &backup.manifest;
        let name = backup.path.file_name().unwrap_or_default();
        table.row([
            taken_at(manifest).as_str(),
            &manifest.database,
            manifest.schema.as_deref().unwrap_or_default(),
            &manifest.contents.rows().to_string(),
            &HumanBytes(manifest.bytes).to_string(),
            &name.to_string_lossy(),
        ]);
    }
    table.text()
}

pub(super) fn prune(
    directory: &Path,
    keep: NonZeroUsize,
    dry_run: bool,
    json: bool,
) -> Result<(), Error> {
    let pruned = backup::prune(directory, keep, dry_run).map_err(Error::failed)?;
    if json {
        output::print_json(&serde_json::json!({
            "dry_run": dry_run,
            "removed": texts(&pruned.backups),
            "leftovers": texts(&pruned.leftovers),
            "kept": texts(&pruned.kept),
            "unusable": texts(pruned.unusable.iter().map(|(path, _)| path)),
        }))?;
    } else {
        let removed = pruned.backups.iter().chain(&pruned.leftovers);
        let lines = removed.map(|path| format!("{}\n", shown(path)));
        output::print(&lines.collect::<String>())?;
    }
    say_unusable(&pruned.unusable);
    let count = pruned.backups.len() + pruned.leftovers.len();
    let done = if dry_run {
        "would be removed"
    } else {
        "removed"
    };
    output::say(&format!("{count} {done}, {} kept", pruned.kept.len()));
    Ok(())
}

fn texts<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Vec<String> {
    let paths = paths.into_iter();
    paths.map(|path| path.display().to_string()).collect()
}

fn say_unusable(unusable: &[(PathBuf, String)]) {
    for (path, reason) in unusable {
        let reason = escape_for_terminal(reason);
        output::say(&format!(
            "can't be used, and is left alone: {}: {reason}",
            shown(path)
        ));
    }
}

fn say(text: &str, path: &Path) {
    output::say(&format!("{text}{}", shown(path)));
}

fn shown(path: &Path) -> String {
    escape_for_terminal(&path.display().to_string()).into_owned()
}
