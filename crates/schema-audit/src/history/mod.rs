//! The ledger of applied revisions held against the chain that a program was
//! built with. Pure; [`read`] gets the ledger from a database.

mod foreign;
mod ledger;

pub use foreign::{ForeignLedger, check_foreign};
pub use ledger::{Applied, read};

use crate::{
    compare::{Code, Finding},
    schema::ObjectPath,
};

/// The ledger's table: SeaORM's.
pub const LEDGER: &str = "seaql_migrations";

/// A revision of the compiled chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainRevision<'a> {
    /// Its name in the ledger.
    pub name: &'a str,
    /// What identifies its content, in the same form as [`Applied::checksum`];
    /// `None` where it is not known.
    pub checksum: Option<String>,
}

/// Holds what is applied against the chain, oldest first. `applied` is `None`
/// when there is no ledger; with an empty chain nothing is expected of it.
///
/// Finds pending revisions, unknown ones, gaps, another order, revisions that
/// are named twice, and revisions that were edited after they were applied. Of
/// edited ones the oldest is named: the later ones' schemas follow from it.
#[must_use]
pub fn check(chain: &[ChainRevision<'_>], applied: Option<&[Applied]>) -> Vec<Finding> {
    let Some(applied) = applied else {
        let newest = chain.last();
        return newest.map_or_else(Vec::new, |newest| {
            vec![finding(
                Code::LedgerMissing,
                None,
                Some(newest.name.to_owned()),
                None,
            )]
        });
    };
    let mut findings = unknown_or_twice(chain, applied);
    findings.extend(pending_or_gap(chain, applied));
    findings.extend(out_of_order(chain, applied));
    findings.extend(edited(chain, applied));
    findings
}

fn finding(
    code: Code,
    revision: Option<&str>,
    expected: Option<String>,
    actual: Option<String>,
) -> Finding {
    finding_in(LEDGER, code, revision, expected, actual)
}

fn finding_in(
    ledger: &str,
    code: Code,
    revision: Option<&str>,
    expected: Option<String>,
    actual: Option<String>,
) -> Finding {
    Finding {
        code,
        category: code.category(),
        severity: code.severity(),
        object: ObjectPath {
            schema: None,
            object: ledger.to_owned(),
            member: revision.map(str::to_owned),
        },
        expected,
        actual,
        side: None,
    }
}

fn unknown_or_twice(chain: &[ChainRevision<'_>], applied: &[Applied]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, row) in applied.iter().enumerate() {
        let revision = Some(row.revision.as_str());
        if applied[..index].iter().any(|r| r.revision == row.revision) {
            let (once, twice) = ("one row".to_owned(), "several rows".to_owned());
            findings.push(finding(
                Code::LedgerDuplicate,
                revision,
                Some(once),
                Some(twice),
            ));
        } else if chain.iter().all(|known| known.name != row.revision) {
            let there = "applied".to_owned();
            findings.push(finding(Code::RevisionUnknown, revision, None, Some(there)));
        }
    }
    findings
}

fn pending_or_gap(chain: &[ChainRevision<'_>], applied: &[Applied]) -> Vec<Finding> {
    let is_applied = |name: &str| applied.iter().any(|row| row.revision == name);
    let newest = chain.iter().rposition(|known| is_applied(known.name));
    let mut findings = Vec::new();
    for (index, known) in chain.iter().enumerate() {
        if is_applied(known.name) {
            continue;
        }
        let (code, actual) = match newest.filter(|&newest| index < newest) {
            Some(newest) => (
                Code::RevisionGap,
                format!("not applied, though {} is", chain[newest].name),
            ),
            None => (Code::RevisionPending, "not applied".to_owned()),
        };
        let wanted = "applied".to_owned();
        findings.push(finding(code, Some(known.name), Some(wanted), Some(actual)));
    }
    findings
}

/// A revision that was applied before one that comes earlier in the chain.
/// Those of one run have the same time.
fn out_of_order(chain: &[ChainRevision<'_>], applied: &[Applied]) -> Vec<Finding> {
    let time = |name: &str| {
        let row = applied.iter().find(|row| row.revision == name);
        row.and_then(|row| row.applied_at)
    };
    let mut findings = Vec::new();
    let mut latest: Option<(&str, i64)> = None;
    for known in chain {
        let Some(at) = time(known.name) else { continue };
        match latest {
            Some((earlier, before)) if at < before => findings.push(finding(
                Code::RevisionOutOfOrder,
                Some(known.name),
                Some(format!("applied after {earlier}")),
                Some("applied before it".to_owned()),
            )),
            _ => latest = Some((known.name, at)),
        }
    }
    findings
}

fn edited(chain: &[ChainRevision<'_>], applied: &[Applied]) -> Option<Finding> {
    chain.iter().find_map(|known| {
        let row = applied.iter().find(|row| row.revision == known.name)?;
        let (now, then) = (known.checksum.as_ref()?, row.checksum.as_ref()?);
        (now != then).then(|| {
            finding(
                Code::RevisionChanged,
                Some(known.name),
                Some(format!("checksum {then}, as it was applied")),
                Some(format!("checksum {now}, as this build has it")),
            )
        })
    })
}

#[cfg(test)]
mod tests;
