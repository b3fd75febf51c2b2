//! Where one search of a discovery is in its life.

use super::{InvalidTransition, Lifecycle, stored_words};

stored_words! {
    /// Where a discovery query is in its life; stored in
    /// `discovery_queries.status`. `Success` and `Failed` are final.
    pub enum QueryStatus: "discovery query status" {
        /// Planned by the job; not searched yet, or searched by a worker that
        /// was lost before it could record the outcome. The job's worker moves
        /// it on.
        Pending => "pending",
        /// The search answered, be it with no results at all; its results have
        /// been saved or set aside.
        Success => "success",
        /// The search did not answer, or answered with an error, which the row
        /// keeps. The job's other queries are not affected.
        Failed => "failed",
    }
}

impl Lifecycle for QueryStatus {
    const SUBJECT: &'static str = "discovery query";

    fn next(self) -> &'static [Self] {
        match self {
            Self::Pending => &[Self::Success, Self::Failed],
            Self::Success | Self::Failed => &[],
        }
    }
}

impl QueryStatus {
    /// The search answered: `Pending` becomes `Success`.
    pub fn succeed(self) -> Result<Self, InvalidTransition<Self>> {
        self.change(Self::Success)
    }

    /// The search could not be done: `Pending` becomes `Failed`.
    pub fn fail(self) -> Result<Self, InvalidTransition<Self>> {
        self.change(Self::Failed)
    }

    /// Whether the query has its outcome and need not be searched again.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Lifecycle, QueryStatus};

    #[test]
    fn f38_a_query_gets_one_outcome_and_keeps_it() {
        assert_eq!(QueryStatus::Pending.succeed(), Ok(QueryStatus::Success));
        assert_eq!(QueryStatus::Pending.fail(), Ok(QueryStatus::Failed));
        for from in [QueryStatus::Success, QueryStatus::Failed] {
            assert!(from.succeed().is_err() && from.fail().is_err(), "{from}");
        }
    }

    #[test]
    fn a_final_status_has_no_successor_and_any_other_has() {
        for status in QueryStatus::ALL {
            assert_eq!(status.is_final(), status.next().is_empty(), "{status}");
        }
    }
}
