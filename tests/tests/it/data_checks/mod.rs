//! The checks of what is stored: each seen to find what it is for, and only
//! that, and to be mended by what it says.

mod cases;
mod clean;
mod counters;
mod duplicates;
mod jobs;
mod nulls;
mod prospects;
mod references;
mod stored_form;
mod words;

use std::collections::BTreeSet;

use outreach_migration::{Migrator, MigratorTrait};
use outreach_service::data_checks::{DataCode, DataFinding, check_data};
use outreach_tests::TestDb;
use sea_orm::{AccessMode, DbBackend, IsolationLevel, TransactionTrait};

use self::cases::{Case, expected_codes};

/// The findings of a database, read as an audit reads it.
async fn findings(db: &TestDb) -> anyhow::Result<Vec<DataFinding>> {
    let pool = db.connect_plain().await?;
    let findings = if db.backend() == DbBackend::Postgres {
        let txn = pool
            .begin_with_config(
                Some(IsolationLevel::RepeatableRead),
                Some(AccessMode::ReadOnly),
            )
            .await?;
        check_data(&txn).await?
    } else {
        check_data(&pool).await?
    };
    pool.close().await?;
    Ok(findings)
}

/// Runs the next `steps` revisions.
async fn up(db: &TestDb, steps: u32) -> anyhow::Result<()> {
    let pool = db.connect_plain().await?;
    Migrator::up(&pool, Some(steps)).await?;
    Ok(pool.close().await?)
}

fn codes(findings: &[DataFinding]) -> BTreeSet<DataCode> {
    findings.iter().map(|finding| finding.code).collect()
}

/// Every check has a case; a new one without fails here.
#[test]
fn every_code_is_seen_by_a_case() {
    for backend in [DbBackend::Sqlite, DbBackend::Postgres] {
        let mut seen: BTreeSet<DataCode> = all_cases(backend).iter().map(|c| c.code).collect();
        // These have tests of their own, on a revision that allows them.
        seen.extend([DataCode::DomainDuplicate, DataCode::QueryDuplicate]);
        assert_eq!(seen, expected_codes(backend));
    }
}

fn all_cases(backend: DbBackend) -> Vec<Case> {
    [
        words::cases(backend),
        nulls::cases(backend),
        stored_form::cases(backend),
        prospects::cases(backend),
        counters::cases(backend),
        jobs::cases(backend),
        references::cases(backend),
    ]
    .into_iter()
    .flatten()
    .collect()
}
