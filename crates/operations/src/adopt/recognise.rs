//! Which revision a database is at, by its definition. Pure.

use std::{cmp::Reverse, collections::BTreeSet};

use outreach_migration::{REVISIONS, Revision};
use schema_audit::{
    compare::{Category, Code, Finding, Severity, compare},
    schema::Schema,
};
use serde::Serialize;

use super::{
    AdoptError,
    create_all::{Likeness, likeness},
    look::{ALEMBIC, Ledger, Observed},
    plan::Conflict,
};
use crate::expected::expected;

/// What a database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum State {
    /// It has no table of outreach's.
    Empty,
    /// Our own ledger has the first revisions of the chain.
    Ours {
        /// The newest of them.
        revision: &'static str,
        /// How many come after it.
        pending: usize,
    },
    /// By its definition it is at this revision, without our ledger.
    AtRevision {
        /// The revision.
        revision: &'static str,
        /// Whether Alembic's ledger says so too.
        alembic: bool,
    },
    /// The predecessor's models have made it (PostgreSQL): it differs from this
    /// revision as `create_all` does, and in nothing else.
    CreateAll {
        /// The revision.
        revision: &'static str,
    },
    /// The predecessor's models have made it, and hands have changed it since: a
    /// second foreign key beside the first, columns that were added or are
    /// missing.
    CreateAllPatched {
        /// The nearest revision.
        revision: &'static str,
    },
    /// It has the tables of this revision, and some of them differ.
    Drifted {
        /// The nearest revision.
        revision: &'static str,
    },
    /// It has other tables than any revision, or a ledger that fits none.
    Unknown {
        /// The nearest revision.
        nearest: &'static str,
    },
}

/// What a database is, and how it differs from the revision that it is at or
/// nearest to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Recognition {
    /// What it is.
    pub state: State,
    /// The revision that it was held against; `None` for an empty database.
    pub revision: Option<&'static Revision>,
    /// How it differs from that; those of severity information do not count.
    pub differences: Vec<Finding>,
    /// Why the ledgers or the set of tables keep it from being adopted.
    pub conflicts: Vec<Conflict>,
    /// The rows of Alembic's ledger; `None` without one.
    pub alembic: Option<Vec<String>>,
    /// The tables that are not outreach's, by name.
    pub foreign_tables: Vec<String>,
}

pub(super) fn recognise(observed: &Observed) -> Result<Recognition, AdoptError> {
    let rows = observed.alembic.as_deref().unwrap_or_default();
    let mut recognition = Recognition {
        state: State::Empty,
        revision: None,
        differences: Vec::new(),
        conflicts: Vec::new(),
        alembic: observed.alembic.clone(),
        foreign_tables: observed
            .foreign
            .iter()
            .map(|table| table.name.name.clone())
            .collect(),
    };
    if observed.live.tables.is_empty() && observed.ledger == Ledger::Empty && rows.is_empty() {
        return Ok(recognition);
    }
    let at = match observed.ledger {
        Ledger::Applied(count) => hold(observed, count - 1)?,
        Ledger::Empty | Ledger::Broken(_) => nearest(observed)?,
    };
    let alembic = newest_mirrored(at.index);
    recognition.revision = Some(at.revision);
    recognition.conflicts = conflicts_of_tables(&at.findings);
    if let Ledger::Broken(reason) = &observed.ledger {
        recognition.conflicts.push(broken_ledger(reason));
    }
    recognition
        .conflicts
        .extend(conflict_of_alembic(rows, alembic, at.revision));
    recognition.state = state(
        observed,
        &at,
        &recognition.conflicts,
        rows == [alembic.unwrap_or_default()],
    );
    recognition.differences = at.findings;
    Ok(recognition)
}

/// A revision that a schema was held against.
struct Held {
    index: usize,
    revision: &'static Revision,
    findings: Vec<Finding>,
}

fn hold(observed: &Observed, index: usize) -> Result<Held, AdoptError> {
    let revision = &REVISIONS[index];
    let schema: Schema = expected(observed.backend, revision)?;
    Ok(Held {
        index,
        revision,
        findings: compare(&schema, &observed.live),
    })
}

/// The revision with the fewest differences, of several the newest.
fn nearest(observed: &Observed) -> Result<Held, AdoptError> {
    let mut best = hold(observed, 0)?;
    for index in 1..REVISIONS.len() {
        let held = hold(observed, index)?;
        let key = |held: &Held| (distance(&held.findings), Reverse(held.index));
        if key(&held) < key(&best) {
            best = held;
        }
    }
    Ok(best)
}

/// How far some differences are from none. A table says more about a revision
/// than a column, and a column more than a default: a column that was added by
/// hand lacks the index and the key of its revision, and is still that column.
fn distance(findings: &[Finding]) -> usize {
    let weight = |finding: &Finding| match (finding.severity, finding.category) {
        (Severity::Info, _) => 0,
        (_, Category::Table) => 50,
        (_, Category::Column) => 5,
        _ => 1,
    };
    findings.iter().map(weight).sum()
}

fn state(observed: &Observed, at: &Held, conflicts: &[Conflict], recorded: bool) -> State {
    let revision = at.revision.name;
    let differs = at.findings.iter().any(|f| f.severity > Severity::Info);
    let likeness = likeness(&at.findings);
    match observed.ledger {
        Ledger::Applied(count) => State::Ours {
            revision,
            pending: REVISIONS.len() - count,
        },
        _ if !conflicts.is_empty() => State::Unknown { nearest: revision },
        _ if !differs => State::AtRevision {
            revision,
            alembic: recorded,
        },
        _ if likeness == Likeness::Same => State::CreateAll { revision },
        _ if likeness == Likeness::Patched => State::CreateAllPatched { revision },
        _ => State::Drifted { revision },
    }
}

/// The id of the newest mirrored revision up to this one.
pub(super) fn newest_mirrored(index: usize) -> Option<&'static str> {
    let mut upto = REVISIONS.iter().take(index + 1).rev();
    upto.find_map(|revision| revision.alembic)
}

/// Another set of tables is no revision: a table that is missing may have held
/// rows, and one of a later revision was not made by it.
fn conflicts_of_tables(findings: &[Finding]) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    for finding in findings {
        let (reason, remedy) = match finding.code {
            Code::TableMissing => (
                "the table is missing, and its rows with it if it had any",
                "restore it from a backup; if it never was there, make it as \
                 `outreach audit --revision REV --repair` says",
            ),
            Code::TableUnexpected => (
                "a table of this name comes with a later revision, and the others of that \
                 revision are not there",
                "rename it, or move it to another schema",
            ),
            _ => continue,
        };
        conflicts.push(Conflict::new(&finding.object, reason, remedy));
    }
    conflicts
}

fn broken_ledger(reason: &str) -> Conflict {
    Conflict {
        revision: None,
        object: "seaql_migrations".to_owned(),
        reason: reason.to_owned(),
        remedy: "mend its rows once `outreach audit --revision REV` is clean, or, for a newer \
                 revision, use the release that applied it"
            .to_owned(),
    }
}

/// Alembic's ledger has one row, with what the definition shows, or none.
fn conflict_of_alembic(
    rows: &[String],
    shown: Option<&'static str>,
    revision: &Revision,
) -> Option<Conflict> {
    let known: BTreeSet<&str> = REVISIONS.iter().filter_map(|r| r.alembic).collect();
    let shown = shown.unwrap_or_default();
    let unknown: Vec<&String> = rows
        .iter()
        .filter(|row| !known.contains(row.as_str()))
        .collect();
    let (reason, remedy) = match (rows, unknown.as_slice()) {
        ([], _) => return None,
        (_, [one, ..]) => (
            format!("it names revision `{one}`, which this build does not know"),
            "use a release of outreach that knows it, or take the database back to a known one \
             with Alembic"
                .to_owned(),
        ),
        ([_, _, ..], []) => (
            format!(
                "it has several rows ({}); a database is at one revision",
                rows.join(", ")
            ),
            format!("`alembic stamp --purge {shown}`: the tables are nearest to that one"),
        ),
        ([row], []) if row != shown => (
            format!(
                "it names revision `{row}`, and by their definition the tables are nearest to \
                 `{shown}` ({})",
                revision.name
            ),
            format!(
                "`alembic stamp {shown}` if the tables are right; if the ledger is, mend the \
                 tables as `outreach audit --revision {row} --repair` says"
            ),
        ),
        ([_], []) => return None,
    };
    Some(Conflict {
        revision: None,
        object: ALEMBIC.to_owned(),
        reason,
        remedy,
    })
}

#[cfg(test)]
mod tests {
    use schema_audit::schema::{Index, IndexKey};
    use sea_orm::DbBackend;

    use super::*;

    fn observed(backend: DbBackend, index: usize) -> Observed {
        Observed {
            backend,
            live: expected(backend, &REVISIONS[index]).expect("it is recorded"),
            foreign: Vec::new(),
            ledger: Ledger::Empty,
            alembic: None,
            ignored: Vec::new(),
            dependents: Vec::new(),
            fingerprint: String::new(),
        }
    }

    fn seen(observed: &Observed) -> Recognition {
        recognise(observed).expect("it can be recognised")
    }

    #[test]
    fn f02_each_revision_is_recognised_by_its_definition_alone() {
        for backend in [DbBackend::Postgres, DbBackend::Sqlite] {
            for (index, revision) in REVISIONS.iter().enumerate() {
                let recognition = seen(&observed(backend, index));
                let revision = revision.name;
                let alembic = false;
                assert_eq!(recognition.state, State::AtRevision { revision, alembic });
                assert!(recognition.conflicts.is_empty());
            }
        }
    }

    #[test]
    fn f02_a_database_without_a_table_of_a_revision_is_unknown() {
        let mut one = observed(DbBackend::Postgres, 3);
        one.live
            .tables
            .retain(|table| table.name.name != "settings");
        let recognition = seen(&one);
        assert!(
            matches!(recognition.state, State::Unknown { nearest } if nearest == REVISIONS[3].name)
        );
        assert_eq!(recognition.conflicts[0].object, "settings");
    }

    #[test]
    fn f14_one_index_more_is_a_drift_of_the_same_revision() {
        let mut one = observed(DbBackend::Postgres, 3);
        let jobs = one.live.tables.iter_mut().find(|t| t.name.name == "jobs");
        jobs.expect("it is there").indexes.push(Index {
            name: "by_hand".to_owned(),
            method: "btree".to_owned(),
            unique: false,
            nulls_not_distinct: false,
            keys: vec![IndexKey {
                expression: "user_id".to_owned(),
                is_column: true,
                descending: false,
                nulls_first: None,
                operator_class: None,
                collation: None,
            }],
            include: Vec::new(),
            predicate: None,
            options: Vec::new(),
            invalid: false,
            comment: None,
            inherited: false,
            only: false,
            definition: String::new(),
        });
        let revision = REVISIONS[3].name;
        assert_eq!(seen(&one).state, State::Drifted { revision });
    }

    #[test]
    fn f17_what_alembics_ledger_says_has_to_be_what_the_tables_show() {
        let mut one = observed(DbBackend::Postgres, 2);
        for (rows, word) in [
            (&["556b79de2825"][..], "`add_discovery_query`"),
            (&["4b9608290b5d", "add_discovery_query"], "several rows"),
            (&["20990101"], "does not know"),
        ] {
            one.alembic = Some(rows.iter().map(ToString::to_string).collect());
            let recognition = seen(&one);
            assert!(
                matches!(recognition.state, State::Unknown { .. }),
                "{rows:?}"
            );
            let reason = &recognition.conflicts[0].reason;
            assert!(reason.contains(word), "{reason}");
        }
        for rows in [&["add_discovery_query"][..], &[]] {
            one.alembic = Some(rows.iter().map(ToString::to_string).collect());
            let (revision, alembic) = (REVISIONS[2].name, !rows.is_empty());
            assert_eq!(seen(&one).state, State::AtRevision { revision, alembic });
        }
    }

    #[test]
    fn f02_an_empty_database_is_one_without_a_ledger_that_says_otherwise() {
        let mut one = observed(DbBackend::Sqlite, 0);
        one.live.tables.clear();
        assert_eq!(seen(&one).state, State::Empty);
        one.alembic = Some(vec!["000000000000".to_owned()]);
        assert!(matches!(seen(&one).state, State::Unknown { .. }));
    }
}
