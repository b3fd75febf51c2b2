//! Which tables are outreach's.

use std::collections::BTreeSet;

use outreach_migration::{LEDGERS, REVISIONS, Revision};
use schema_audit::schema::{ObjectName, Schema, Table};
use sea_orm::DbBackend;
use serde::Serialize;

use crate::expected::{ExpectedError, expected};

/// How a database is known to be outreach's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Evidence {
    /// `seaql_migrations` has revisions of the chain.
    Ledger,
    /// `alembic_version` has the id of a mirrored revision.
    Alembic,
    /// `jobs`, `prospects` and `email_logs` have their columns and keys.
    Shape,
    /// A ledger has a revision that this build does not know.
    UnknownRevision(String),
    /// Nothing says so.
    None,
}

/// What is known of whose tables these are.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) evidence: Evidence,
    pub(super) revision: Option<&'static str>,
    /// Names of tables, with our own ledger.
    pub(super) own: Vec<String>,
    /// Has the name of one that the newest revision has, and is none.
    pub(super) clashes: Vec<String>,
    /// Columns of ours that the newest revision does not have: `jobs.note`.
    pub(super) columns: Vec<String>,
}

/// Tells by the ledgers, or else by the shape of the tables.
pub(super) fn identify(
    live: &Schema,
    backend: DbBackend,
    applied: &[String],
    alembic: &[String],
) -> Result<Identity, ExpectedError> {
    let (evidence, revision) = evidence(live, backend, applied, alembic)?;
    let Some(revision) = revision else {
        return Ok(Identity {
            evidence,
            revision: None,
            own: Vec::new(),
            clashes: Vec::new(),
            columns: Vec::new(),
        });
    };
    let of_revision = expected(backend, revision)?;
    let is_ours = |table: &Table| {
        let named = of_revision.table(&table.name);
        // A ledger vouches for what its revision has made.
        named.is_some_and(|expected| evidence != Evidence::Shape || has_columns(table, expected))
    };
    let is_ledger = |table: &Table| table.name == ObjectName::local(LEDGERS[0]);
    let ours = |table: &&Table| is_ledger(table) || is_ours(table);
    let own: BTreeSet<&str> = live
        .tables
        .iter()
        .filter(ours)
        .map(|t| t.name.name.as_str())
        .collect();
    let newest = match REVISIONS.last() {
        Some(newest) => expected(backend, newest)?,
        None => of_revision,
    };
    let clashes = newest.tables.iter().map(|table| table.name.name.as_str());
    let clashes = clashes
        .filter(|name| live.table(&ObjectName::local(*name)).is_some() && !own.contains(name));
    let mut columns = Vec::new();
    let is_own = |table: &&Table| own.contains(table.name.name.as_str());
    for table in live.tables.iter().filter(is_own) {
        let wanted = newest.table(&table.name);
        let is_known = |name: &str| {
            wanted.is_none_or(|wanted| wanted.columns.iter().any(|column| column.name == name))
        };
        let unknown = table
            .columns
            .iter()
            .filter(|column| !is_known(&column.name));
        columns.extend(unknown.map(|column| format!("{}.{}", table.name.name, column.name)));
    }
    Ok(Identity {
        columns,
        revision: (evidence != Evidence::Shape).then_some(revision.name),
        clashes: clashes.map(str::to_owned).collect(),
        own: own.into_iter().map(str::to_owned).collect(),
        evidence,
    })
}

fn evidence(
    live: &Schema,
    backend: DbBackend,
    applied: &[String],
    alembic: &[String],
) -> Result<(Evidence, Option<&'static Revision>), ExpectedError> {
    let known = |name: &&String| !REVISIONS.iter().any(|revision| revision.name == **name);
    if let Some(unknown) = applied.iter().find(known) {
        return Ok((Evidence::UnknownRevision(unknown.clone()), None));
    }
    let of_alembic = |id: &String| {
        REVISIONS
            .iter()
            .find(|one| one.alembic == Some(id.as_str()))
    };
    // Its rows go with a reset; those of another application may not.
    if let Some(unknown) = alembic.iter().find(|id| of_alembic(id).is_none()) {
        return Ok((Evidence::UnknownRevision(unknown.clone()), None));
    }
    if let Some(newest) = applied.iter().max() {
        let revision = REVISIONS.iter().find(|one| one.name == newest);
        return Ok((Evidence::Ledger, revision));
    }
    if let Some(revision) = alembic.iter().filter_map(of_alembic).next_back() {
        return Ok((Evidence::Alembic, Some(revision)));
    }
    if !has_base_tables(live, backend)? {
        return Ok((Evidence::None, None));
    }
    // Without a ledger only what the backend before outreach made can be there.
    let mirrored = REVISIONS.iter().rfind(|one| one.alembic.is_some());
    Ok((Evidence::Shape, mirrored))
}

/// Whether the tables of the first revision are there, with its columns, their
/// primary keys, and the foreign key between them.
fn has_base_tables(live: &Schema, backend: DbBackend) -> Result<bool, ExpectedError> {
    let Some(first) = REVISIONS.first() else {
        return Ok(false);
    };
    let first = expected(backend, first)?;
    let found = |expected: &Table| {
        let Some(table) = live.table(&expected.name) else {
            return false;
        };
        let key = |table: &Table| table.primary_key.as_ref().map(|key| key.columns.clone());
        let points = |table: &Table| {
            let keys = table.foreign_keys.iter();
            keys.map(|key| (key.columns.clone(), key.references.clone()))
                .collect::<Vec<_>>()
        };
        let there = points(table);
        has_columns(table, expected)
            && key(table) == key(expected)
            && points(expected).iter().all(|key| there.contains(key))
    };
    Ok(first.tables.iter().all(found))
}

fn has_columns(table: &Table, expected: &Table) -> bool {
    let there: BTreeSet<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    let wanted = expected.columns.iter();
    wanted
        .map(|c| c.name.as_str())
        .all(|name| there.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(revision: usize) -> Schema {
        expected(DbBackend::Postgres, &REVISIONS[revision]).unwrap()
    }

    fn known(live: &Schema, applied: &[String], alembic: &[&str]) -> Identity {
        let alembic: Vec<String> = alembic.iter().map(|id| (*id).to_owned()).collect();
        identify(live, DbBackend::Postgres, applied, &alembic).unwrap()
    }

    fn names(count: usize) -> Vec<String> {
        REVISIONS[..count]
            .iter()
            .map(|r| r.name.to_owned())
            .collect()
    }

    #[test]
    fn f21_the_ledger_says_which_tables_are_ours() {
        let identity = known(&live(7), &names(8), &[]);
        assert_eq!(identity.evidence, Evidence::Ledger);
        assert_eq!(identity.own.len(), live(7).tables.len());
        assert!(identity.clashes.is_empty());
    }

    #[test]
    fn f21_a_table_that_the_revision_does_not_have_is_somebody_elses() {
        // The first revision has no `settings`; one that is there is not ours.
        let mut there = live(0);
        let settings = ObjectName::local("settings");
        there.tables.push(live(1).table(&settings).unwrap().clone());
        let identity = known(&there, &names(1), &[]);
        assert_eq!(identity.own, ["email_logs", "jobs", "prospects"]);
        assert_eq!(identity.clashes, ["settings"]);
        assert!(known(&there, &[], &["000000000000"]).clashes == ["settings"]);
    }

    #[test]
    fn f21_without_a_ledger_the_columns_and_keys_decide() {
        let identity = known(&live(3), &[], &[]);
        assert_eq!(identity.evidence, Evidence::Shape);
        assert_eq!(identity.own.len(), 5);

        let mut other = live(3);
        let settings = ObjectName::local("settings");
        let other_settings = other
            .tables
            .iter_mut()
            .find(|t| t.name == settings)
            .unwrap();
        other_settings
            .columns
            .retain(|column| column.name != "value");
        let identity = known(&other, &[], &[]);
        assert_eq!(identity.clashes, ["settings"]);
        assert!(!identity.own.contains(&"settings".to_owned()));

        for table in ["jobs", "prospects", "email_logs"] {
            let mut lacking = live(3);
            let name = ObjectName::local(table);
            let found = lacking.tables.iter_mut().find(|t| t.name == name).unwrap();
            found.primary_key = None;
            assert_eq!(
                known(&lacking, &[], &[]).evidence,
                Evidence::None,
                "{table}"
            );
        }
    }

    #[test]
    fn f21_a_revision_of_another_chain_makes_nothing_ours() {
        let mut applied = names(8);
        applied.push("m20990101_000001_other".to_owned());
        let identity = known(&live(7), &applied, &[]);
        assert!(matches!(identity.evidence, Evidence::UnknownRevision(_)));
        assert!(identity.own.is_empty());
        let identity = known(&live(7), &names(8), &["0ther"]);
        assert!(matches!(identity.evidence, Evidence::UnknownRevision(_)));
    }
}
