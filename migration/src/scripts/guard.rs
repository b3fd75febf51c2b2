//! Rows that a recorded script can't do right by.

use crate::run::Direction;

/// Rows that must not be there when the recorded statements of a revision run.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowGuard {
    /// True where such rows are there; one SQL expression on both databases.
    pub(super) found: &'static str,
    /// What they are and what to do, without an apostrophe.
    pub(super) message: &'static str,
}

const UNIQUE: &str = "m20260101_000001_unique_prospect_domain_and_discovery_query";

/// What guards a revision. A revision whose `up` or `down` changes rows needs an
/// entry here.
pub(super) fn of(revision: &str, direction: Direction) -> &'static [RowGuard] {
    match (revision, direction) {
        (UNIQUE, Direction::Up) => &[
            RowGuard {
                found: "EXISTS (SELECT 1 FROM \"prospects\" GROUP BY \"domain\" \
                        HAVING COUNT(*) > 1)",
                message: "several prospects have one domain; `outreach migrate up` merges them, \
                          a script can not",
            },
            RowGuard {
                found: "EXISTS (SELECT 1 FROM \"discovery_queries\" GROUP BY \"job_id\", \
                        \"keyword\", \"location\" HAVING COUNT(*) > 1)",
                message: "several discovery queries of a job are the same; `outreach migrate up` \
                          merges them, a script can not",
            },
        ],
        (UNIQUE, Direction::Down) => &[RowGuard {
            found: "EXISTS (SELECT 1 FROM \"merged_rows\")",
            message: "merged_rows holds rows that only `outreach migrate down` puts back",
        }],
        _ => &[],
    }
}
