use std::iter::Sum;

use outreach_entity::discovery_queries;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How many results met which end. Each result meets exactly one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Results that the search gave.
    pub found: u64,
    /// Saved as a new prospect.
    pub saved: u64,
    /// The domain came up before in the same job.
    pub duplicate: u64,
    /// The domain was a prospect already, before this job or by another one.
    pub existing: u64,
    /// No contact is known, and the policy requires one.
    pub no_contact: u64,
    /// Not a usable result; the reason is kept.
    pub invalid: u64,
    /// The job had saved as many as it was asked for.
    pub over_limit: u64,
}

impl Counters {
    /// Whether the ends add up to what was found.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.found == self.disposed()
    }

    /// The sum of the ends.
    #[must_use]
    pub fn disposed(&self) -> u64 {
        self.saved
            + self.duplicate
            + self.existing
            + self.no_contact
            + self.invalid
            + self.over_limit
    }

    /// Reads the counters of a stored query: four have columns, the others are
    /// in `query_metadata`. A row that the predecessor wrote has no others.
    pub(super) fn stored(row: &discovery_queries::Model) -> Self {
        let other = |key: &str| {
            row.query_metadata
                .as_ref()
                .and_then(|metadata| metadata.get(key))
                .and_then(Value::as_u64)
                .unwrap_or_default()
        };
        let column = |value: i32| u64::try_from(value).unwrap_or_default();
        Self {
            found: column(row.results_found),
            saved: column(row.results_saved),
            duplicate: column(row.results_skipped_duplicate),
            existing: column(row.results_skipped_existing),
            no_contact: other("results_skipped_no_email"),
            invalid: other("results_invalid"),
            over_limit: other("results_over_limit"),
        }
    }
}

impl Sum for Counters {
    fn sum<I: Iterator<Item = Self>>(counters: I) -> Self {
        counters.fold(Self::default(), |a, b| Self {
            found: a.found + b.found,
            saved: a.saved + b.saved,
            duplicate: a.duplicate + b.duplicate,
            existing: a.existing + b.existing,
            no_contact: a.no_contact + b.no_contact,
            invalid: a.invalid + b.invalid,
            over_limit: a.over_limit + b.over_limit,
        })
    }
}
