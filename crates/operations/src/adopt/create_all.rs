//! What tells a database that the predecessor's models have made
//! (`create_all`) from one that its migrations have made.

use schema_audit::compare::{Code, Finding, Severity};

/// How `create_all` differs from the mirrored head on PostgreSQL, as `code
/// table.member`, without what is information only.
const KNOWN: [&str; 19] = [
    "nullability-changed discovery_queries.results_found",
    "default-changed discovery_queries.results_found",
    "nullability-changed discovery_queries.results_saved",
    "default-changed discovery_queries.results_saved",
    "nullability-changed discovery_queries.results_skipped_duplicate",
    "default-changed discovery_queries.results_skipped_duplicate",
    "nullability-changed discovery_queries.results_skipped_existing",
    "default-changed discovery_queries.results_skipped_existing",
    "nullability-changed discovery_queries.status",
    "default-changed discovery_queries.status",
    "nullability-changed jobs.status",
    "default-changed jobs.status",
    "default-changed prospects.followups_sent",
    "default-changed prospects.outreach_status",
    "default-changed prospects.score",
    "comment-changed prospects.discovery_query_id",
    "foreign-key-changed prospects.fk_prospects_discovery_query_id",
    "unique-missing settings.uq_settings_key",
    "index-changed settings.ix_settings_key",
];

/// How many of the known differences say that it was `create_all`, whatever was
/// patched since. Missing defaults alone are 9 of them, and no migration and no
/// usual hand takes those away.
const ENOUGH: usize = 9;

/// How much of `create_all` there is in some differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    /// The known differences and no others.
    Same,
    /// Most of them, and others, or some are mended.
    Patched,
    /// Nothing of it.
    None,
}

pub(super) fn likeness(findings: &[Finding]) -> Likeness {
    let wanted = || findings.iter().filter(|f| f.severity > Severity::Info);
    let known = wanted().filter(|finding| is_known(finding)).count();
    if known == KNOWN.len() && wanted().count() == known {
        Likeness::Same
    } else if known >= ENOUGH {
        Likeness::Patched
    } else {
        Likeness::None
    }
}

fn is_known(finding: &Finding) -> bool {
    // Another default is not a missing one.
    if finding.code == Code::DefaultChanged && finding.actual.is_some() {
        return false;
    }
    let member = finding.object.member.as_deref().unwrap_or_default();
    let label = format!("{} {}.{member}", finding.code, finding.object.object);
    KNOWN.contains(&label.as_str())
}

#[cfg(test)]
mod tests {
    use schema_audit::schema::ObjectPath;

    use super::*;

    fn finding(label: &str) -> Finding {
        let (code, object) = label.split_once(' ').expect("a code and an object");
        let (table, member) = object.split_once('.').expect("a member");
        let code = *Code::ALL
            .iter()
            .find(|known| known.as_str() == code)
            .expect("a code");
        Finding {
            code,
            category: code.category(),
            severity: code.severity(),
            object: ObjectPath {
                schema: Some("public".to_owned()),
                object: table.to_owned(),
                member: Some(member.to_owned()),
            },
            expected: None,
            actual: None,
            side: None,
        }
    }

    #[test]
    fn create_all_is_told_from_a_patched_one_and_from_a_drifted_database() {
        let mut all: Vec<Finding> = KNOWN.map(finding).into();
        assert_eq!(likeness(&all), Likeness::Same);
        assert_eq!(likeness(&all[..12]), Likeness::Patched);
        assert_eq!(likeness(&all[..3]), Likeness::None);
        all.push(finding("column-unexpected prospects.notes"));
        assert_eq!(likeness(&all), Likeness::Patched);
        all[1].actual = Some("7".to_owned());
        all.pop();
        assert_eq!(likeness(&all), Likeness::Patched);
    }
}
