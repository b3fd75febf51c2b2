//! What a revision leaves.

use outreach_migration::{REVISIONS, Revision, snapshots};
use schema_audit::schema::Schema;
use sea_orm_migration::sea_orm::DbBackend;

use crate::exit::Error;

/// The schema that a revision leaves, from the recorded snapshots.
pub(crate) fn expected(backend: DbBackend, revision: &Revision) -> Result<Schema, Error> {
    let text = snapshots::snapshot(backend, revision.name).ok_or_else(|| {
        Error::failed_because(format!(
            "revision `{}` has no recorded schema for this kind of database; \
             run `cargo run --bin regenerate-snapshots`",
            revision.name
        ))
    })?;
    serde_json::from_str(text)
        .map_err(|error| Error::failed(error).context("a recorded schema can't be read"))
}

/// A revision by its name, its Alembic id, or the beginning of its name; `head`
/// is the newest.
pub(crate) fn parse_revision(text: &str) -> Result<&'static Revision, String> {
    if text == "head" {
        return REVISIONS
            .last()
            .ok_or_else(|| "the chain is empty".to_owned());
    }
    let exact = |revision: &&Revision| revision.name == text || revision.alembic == Some(text);
    if let Some(revision) = REVISIONS.iter().find(exact) {
        return Ok(revision);
    }
    let begins: Vec<&Revision> = REVISIONS
        .iter()
        .filter(|revision| !text.is_empty() && revision.name.starts_with(text))
        .collect();
    match begins.as_slice() {
        [revision] => Ok(revision),
        [] => Err("no such revision; `outreach migrate history` lists them".to_owned()),
        _ => Err("several revisions begin so; write the whole name".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_found_by_its_name_its_alembic_id_and_a_clear_beginning() {
        let name = |text| parse_revision(text).map(|revision| revision.name);
        let linked = "m20251201_000004_556b79de2825_add_discovery_query_id_to_prospects";
        assert_eq!(name("556b79de2825"), Ok(linked));
        assert_eq!(name(linked), Ok(linked));
        assert_eq!(name("m20251201_000004"), Ok(linked));
        assert_eq!(name("head"), Ok(REVISIONS[REVISIONS.len() - 1].name));
        assert!(name("m2025").is_err_and(|error| error.contains("several")));
        assert!(name("nope").is_err_and(|error| error.contains("no such")));
        assert!(name("").is_err());
    }

    #[test]
    fn the_diagram_of_the_readme_is_that_of_the_newest_revision() {
        let newest = REVISIONS.last().expect("the chain is not empty");
        let schema = expected(DbBackend::Postgres, newest).expect("it is recorded");
        let mut diagram = Vec::new();
        schema_audit::report::er::write(&schema, &mut diagram).expect("memory takes it");
        let diagram = String::from_utf8(diagram).expect("a diagram is text");
        let readme = include_str!("../../../../README.md");
        assert!(
            readme.contains(&format!("```mermaid\n{diagram}```")),
            "{diagram}"
        );
    }

    #[test]
    fn each_revision_has_a_readable_snapshot_for_each_database() {
        for revision in REVISIONS {
            for backend in [DbBackend::Postgres, DbBackend::Sqlite] {
                let schema = expected(backend, revision);
                assert!(schema.is_ok_and(|schema| !schema.tables.is_empty()));
            }
        }
    }
}
