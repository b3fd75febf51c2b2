use std::collections::BTreeSet;

use super::*;
use crate::compare::Category;

const CHAIN: [&str; 3] = ["m1", "m2", "m3"];

fn chain() -> Vec<ChainRevision<'static>> {
    CHAIN
        .iter()
        .map(|name| ChainRevision {
            name,
            checksum: Some(format!("sum of {name}")),
        })
        .collect()
}

fn row(revision: &str, applied_at: i64) -> Applied {
    Applied {
        revision: revision.to_owned(),
        applied_at: Some(applied_at),
        checksum: Some(format!("sum of {revision}")),
    }
}

fn found(applied: &[Applied]) -> Vec<String> {
    let findings = check(&chain(), Some(applied));
    let texts = findings.iter().map(|f| format!("{} {}", f.code, f.object));
    texts.collect()
}

#[test]
fn the_whole_chain_applied_in_one_run_is_clean() {
    let all = [row("m1", 1), row("m2", 1), row("m3", 1)];
    assert_eq!(found(&all), [""; 0]);
}

#[test]
fn f09_what_is_not_applied_is_pending_and_an_unknown_one_is_named() {
    assert_eq!(
        found(&[row("m1", 1), row("m2", 2), row("m9", 3)]),
        [
            "revision-unknown seaql_migrations.m9",
            "revision-pending seaql_migrations.m3",
        ]
    );
}

#[test]
fn f09_a_missing_one_before_an_applied_one_is_a_gap() {
    assert_eq!(
        found(&[row("m1", 1), row("m3", 3)]),
        ["revision-gap seaql_migrations.m2"]
    );
}

#[test]
fn f10_another_order_than_the_chains_is_found_by_the_times() {
    assert_eq!(
        found(&[row("m1", 5), row("m2", 9), row("m3", 7)]),
        ["revision-out-of-order seaql_migrations.m3"]
    );
}

#[test]
fn f17_a_revision_with_two_rows_is_found() {
    assert_eq!(
        found(&[row("m1", 1), row("m1", 1), row("m2", 1), row("m3", 1)]),
        ["ledger-duplicate seaql_migrations.m1"]
    );
}

#[test]
fn a_missing_ledger_is_found_and_an_empty_one_means_that_all_is_pending() {
    let missing = check(&chain(), None);
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].code, Code::LedgerMissing);
    assert_eq!(found(&[]).len(), 3);
    assert_eq!(check(&[], None), []);
}

#[test]
fn the_oldest_edited_revision_is_named_and_one_without_a_record_is_not() {
    let mut rows = [row("m1", 1), row("m2", 1), row("m3", 1)];
    rows[0].checksum = None;
    rows[1].checksum = Some("other".to_owned());
    rows[2].checksum = Some("another".to_owned());
    assert_eq!(found(&rows), ["revision-changed seaql_migrations.m2"]);
}

fn foreign(rows: &[&str], expected: Option<&str>) -> Vec<Code> {
    let rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
    let ledger = ForeignLedger {
        table: "alembic_version",
        rows: &rows,
        expected,
        known: &["a", "b"],
    };
    check_foreign(&ledger).iter().map(|f| f.code).collect()
}

#[test]
fn f17_the_other_ledger_has_one_row_with_the_revision_that_ours_has() {
    assert_eq!(foreign(&["b"], Some("b")), []);
    assert_eq!(foreign(&[], None), []);
    assert_eq!(foreign(&[], Some("b")), [Code::ForeignLedgerMissing]);
    assert_eq!(foreign(&["a"], Some("b")), [Code::ForeignLedgerDiffers]);
    assert_eq!(foreign(&["a"], None), [Code::ForeignLedgerDiffers]);
    assert_eq!(foreign(&["c"], Some("b")), [Code::ForeignLedgerUnknown]);
    assert_eq!(
        foreign(&["a", "b"], Some("b")),
        [Code::ForeignLedgerSeveral]
    );
}

#[test]
fn each_code_of_a_history_is_reached() {
    let mut reached: BTreeSet<Code> = BTreeSet::new();
    let mut edited = row("m2", 1);
    edited.checksum = Some("other".to_owned());
    for rows in [
        vec![row("m1", 1), row("m1", 1), row("m9", 1)],
        vec![row("m1", 5), row("m3", 4)],
        vec![row("m1", 1), edited],
    ] {
        reached.extend(check(&chain(), Some(&rows)).iter().map(|f| f.code));
    }
    reached.extend(check(&chain(), None).iter().map(|f| f.code));
    for rows in [vec![], vec!["a"], vec!["c"], vec!["a", "b"]] {
        reached.extend(foreign(&rows, Some("b")));
    }
    let all = Code::ALL.iter().copied();
    let of_history: BTreeSet<Code> = all
        .filter(|code| code.category() == Category::History)
        .collect();
    assert_eq!(reached, of_history);
}
