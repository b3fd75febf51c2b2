//! What the audit found, as lines of a report with what mends them.

use outreach_service::data_checks::{self, DataFinding};
use schema_audit::{
    compare::{Category, Code, Finding, Severity, Side},
    report::Item,
};

/// A difference of schemas or ledgers.
pub(super) fn of_finding(finding: &Finding) -> Item {
    let mut item = Item::from(finding);
    item.remedy = remedy(finding).map(str::to_owned);
    item
}

fn remedy(finding: &Finding) -> Option<&'static str> {
    match finding.side {
        Some(Side::Entities) => {
            return Some("generate the entities anew: `cargo run --bin regenerate-entities`");
        }
        Some(Side::Migrations) => {
            return Some("write a revision that says what the entities and the database have");
        }
        Some(Side::Database | Side::All) | None => {}
    }
    if finding.severity == Severity::Info {
        return None;
    }
    match finding.code {
        Code::RevisionPending => Some("`outreach migrate up`"),
        Code::RevisionUnknown => Some("use the release that applied it, or a newer one"),
        Code::RevisionChanged => {
            Some("put the revision back as it was released, and write a new one for the change")
        }
        Code::LedgerMissing => Some(
            "an empty database: `outreach migrate up`; one that another tool made: `outreach adopt` \
             says what it is and makes it a managed one",
        ),
        code if code.category() == Category::History => Some(
            "mend the ledger's rows by hand once the schema is known to be that of the revision: \
             `outreach audit --revision REV`",
        ),
        _ => None,
    }
}

/// What is wrong in the rows.
pub(super) fn of_data(finding: &DataFinding) -> Item {
    let severity = match finding.severity {
        data_checks::Severity::Error => Severity::Error,
        data_checks::Severity::Warning => Severity::Warning,
        data_checks::Severity::Info => Severity::Info,
    };
    let mut item = Item::new(
        finding.code.as_str(),
        "data",
        severity,
        finding.object.clone(),
        finding.meaning.trim_end_matches('.'),
    );
    item.count = Some(finding.count);
    item.examples.clone_from(&finding.ids);
    item.remedy = Some(finding.remedy.to_string());
    item
}
