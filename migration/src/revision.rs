//! The chain as a list, for whoever has to name a revision.

/// One revision of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision {
    /// The name in the ledger `seaql_migrations`: the file's stem.
    pub name: &'static str,
    /// The Alembic revision that it mirrors; `None` for outreach's own.
    pub alembic: Option<&'static str>,
    /// What it does, in a line.
    pub summary: &'static str,
}

/// Every revision, oldest first. A test holds it against
/// [`Migrator::migrations`](crate::Migrator).
pub const REVISIONS: &[Revision] = &[
    Revision {
        name: "m20251201_000001_000000000000_create_base_tables",
        alembic: Some("000000000000"),
        summary: "creates jobs, prospects and email_logs",
    },
    Revision {
        name: "m20251201_000002_4b9608290b5d_add_settings_table",
        alembic: Some("4b9608290b5d"),
        summary: "creates settings",
    },
    Revision {
        name: "m20251201_000003_add_discovery_query_table",
        alembic: Some("add_discovery_query"),
        summary: "creates discovery_queries",
    },
    Revision {
        name: "m20251201_000004_556b79de2825_add_discovery_query_id_to_prospects",
        alembic: Some("556b79de2825"),
        summary: "links a prospect to the query that found it",
    },
    Revision {
        name: "m20260101_000001_unique_prospect_domain_and_discovery_query",
        alembic: None,
        summary: "merges duplicates; domains and the queries of a job become unique",
    },
    Revision {
        name: "m20260101_000002_create_job_runs",
        alembic: None,
        summary: "creates job_runs, the claimable side of a job",
    },
    Revision {
        name: "m20260101_000003_create_revision_checksums",
        alembic: None,
        summary: "creates revision_checksums, which tells an edited revision",
    },
    Revision {
        name: "m20260101_000004_create_database_properties",
        alembic: None,
        summary: "creates database_properties: environment, protection, tables to leave out",
    },
    Revision {
        name: "m20260101_000005_job_run_claims",
        alembic: None,
        summary: "gives job_runs what workers claim by: type, time limit, errors, indexes",
    },
];
