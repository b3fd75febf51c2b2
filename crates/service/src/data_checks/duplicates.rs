//! Rows that unique indexes of later revisions forbid.

use super::{
    DataCode,
    check::{Check, Mend},
    shape::Shape,
};

pub(super) fn checks(shape: &Shape) -> Vec<Check> {
    vec![
        Check {
            object: "prospects.domain".to_owned(),
            ..Check::new(
                DataCode::DomainDuplicate,
                "prospects",
                &["domain"],
                // All but the first row of a domain.
                "EXISTS (SELECT 1 FROM prospects AS o WHERE o.domain = t.domain AND o.id < t.id)"
                    .to_owned(),
                mend(
                    shape,
                    "of each domain keep the row whose outreach has got furthest, point the \
                     `email_logs` of the others to it, delete the others, and create the unique \
                     index `uq_prospects_domain` anew",
                ),
            )
        },
        Check::new(
            DataCode::QueryDuplicate,
            "discovery_queries",
            &["job_id", "keyword", "location"],
            "EXISTS (SELECT 1 FROM discovery_queries AS o WHERE o.job_id = t.job_id \
             AND o.keyword = t.keyword AND o.location = t.location AND o.id < t.id)"
                .to_owned(),
            mend(
                shape,
                "of each query keep one row with the sum of the counters, point the prospects of \
                 the others to it, delete the others, and create the unique index \
                 `uq_discovery_queries_job_id_keyword_location` anew",
            ),
        ),
    ]
}

/// The revision that merges duplicates also makes the table of what it merged.
fn mend(shape: &Shape, by_hand: &str) -> Mend {
    if shape.has_table("merged_rows") {
        Mend::Advice(by_hand.to_owned())
    } else {
        Mend::Command("outreach migrate up")
    }
}
