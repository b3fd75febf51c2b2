//! The names of backup files.

use std::fmt::Write as _;

use super::{Manifest, facts::Facts};

/// What a manifest's name has after its backup's.
pub(super) const MANIFEST_SUFFIX: &str = ".manifest.json";
/// What a file that is being written has at its end.
pub(super) const PARTIAL_SUFFIX: &str = ".partial";
/// What SQLite puts after a file's name for its journal.
pub(super) const JOURNAL_SUFFIX: &str = "-journal";
/// The most bytes of each name in a file's name, which may have 255 in all.
const LONGEST_PART: usize = 64;

/// `DATABASE[.SCHEMA]-REVISION-YYYYMMDDTHHMMSSZ`, without what file systems take
/// amiss.
pub(super) fn stem(facts: &Facts) -> String {
    let mut stem = part(&facts.database);
    if let Some(schema) = facts.schema.as_deref().filter(|name| *name != "public") {
        let _ = write!(stem, ".{}", part(schema));
    }
    let alembic = facts.alembic.as_ref().map(|ids| ids.join("+"));
    let revision = facts.revision.as_deref().or(alembic.as_deref());
    let revision = revision.filter(|name| !name.is_empty()).unwrap_or("none");
    let time = facts.taken_at.format("%Y%m%dT%H%M%SZ");
    let _ = write!(stem, "-{}-{time}", part(revision));
    stem
}

/// Whether two backups are known to be of the same database and schema: many
/// databases have one name.
pub(super) fn same_origin(a: &Manifest, b: &Manifest) -> bool {
    a.origin.is_some()
        && (a.dialect, &a.origin, &a.database, &a.schema)
            == (b.dialect, &b.origin, &b.database, &b.schema)
}

fn part(name: &str) -> String {
    let mut part = String::new();
    for character in name.chars() {
        let plain = character.is_ascii_alphanumeric() || "_.+".contains(character);
        let mut bytes = [0; 4];
        let mut next = String::new();
        if plain && !(part.is_empty() && character == '.') {
            next.push(character);
        } else {
            for byte in character.encode_utf8(&mut bytes).bytes() {
                let _ = write!(next, "%{byte:02X}");
            }
        }
        if part.len() + next.len() > LONGEST_PART {
            break;
        }
        part.push_str(&next);
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_its_folder_or_hides() {
        assert_eq!(part("../a b"), "%2E.%2Fa%20b");
        assert_eq!(part("outreach.db"), "outreach.db");
        assert_eq!(part("é\n-"), "%C3%A9%0A%2D");
        assert!(part(&"é".repeat(100)).len() <= LONGEST_PART);
    }
}
