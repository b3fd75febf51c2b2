//! What a revision leaves, from the schemas that are recorded for each.

use outreach_migration::{REVISIONS, Revision, snapshots};
use schema_audit::schema::Schema;
use sea_orm::DbBackend;

/// Why a recorded schema can't be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExpectedError {
    /// None is recorded.
    #[error(
        "revision `{revision}` has no recorded schema for this kind of database; run \
         `cargo run --bin regenerate-snapshots`"
    )]
    NotRecorded {
        /// The revision's name.
        revision: &'static str,
    },
    /// It is recorded in a form that this build does not read.
    #[error("the recorded schema of revision `{revision}` can't be read")]
    Unreadable {
        /// The revision's name.
        revision: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// The schema that a revision leaves, without ledgers.
pub fn expected(backend: DbBackend, revision: &Revision) -> Result<Schema, ExpectedError> {
    let name = revision.name;
    let text =
        snapshots::snapshot(backend, name).ok_or(ExpectedError::NotRecorded { revision: name })?;
    serde_json::from_str(text).map_err(|source| ExpectedError::Unreadable {
        revision: name,
        source,
    })
}

/// A revision by its name, its Alembic id, or the beginning of its name; `head`
/// is the newest.
pub fn find_revision(text: &str) -> Result<&'static Revision, UnknownRevision> {
    if text == "head" {
        return REVISIONS.last().ok_or(UnknownRevision::None);
    }
    let exact = |revision: &&Revision| revision.name == text || revision.alembic == Some(text);
    if let Some(revision) = REVISIONS.iter().find(exact) {
        return Ok(revision);
    }
    let mut begins = REVISIONS
        .iter()
        .filter(|revision| !text.is_empty() && revision.name.starts_with(text));
    match (begins.next(), begins.next()) {
        (Some(revision), None) => Ok(revision),
        (None, _) => Err(UnknownRevision::None),
        (Some(_), Some(_)) => Err(UnknownRevision::Several),
    }
}

/// Why a text names no revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownRevision {
    /// No revision is called so.
    #[error("no such revision; `outreach migrate history` lists them")]
    None,
    /// More than one begins so.
    #[error("several revisions begin so; write the whole name")]
    Several,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_found_by_its_name_its_alembic_id_and_a_clear_beginning() {
        let name = |text| find_revision(text).map(|revision| revision.name);
        let linked = "m20251201_000004_556b79de2825_add_discovery_query_id_to_prospects";
        assert_eq!(name("556b79de2825"), Ok(linked));
        assert_eq!(name(linked), Ok(linked));
        assert_eq!(name("m20251201_000004"), Ok(linked));
        assert_eq!(name("head"), Ok(REVISIONS[REVISIONS.len() - 1].name));
        assert_eq!(name("m2025"), Err(UnknownRevision::Several));
        assert_eq!(name("nope"), Err(UnknownRevision::None));
        assert_eq!(name(""), Err(UnknownRevision::None));
    }

    #[test]
    fn each_revision_has_a_readable_schema_for_each_database() {
        for revision in REVISIONS {
            for backend in [DbBackend::Postgres, DbBackend::Sqlite] {
                let schema = expected(backend, revision);
                assert!(schema.is_ok_and(|schema| !schema.tables.is_empty()));
            }
        }
    }
}
