//! The ledgers against the chain.

use outreach_migration::{REVISIONS, checksums, snapshots};
use schema_audit::{
    compare::Finding,
    history::{self, Applied, ChainRevision, ForeignLedger},
};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbErr, Statement};

const ALEMBIC: &str = "alembic_version";

/// What the ledgers of a database say.
#[derive(Debug)]
pub(crate) struct Ledgers {
    /// The rows of ours; `None` if there is none.
    pub(crate) applied: Option<Vec<Applied>>,
    /// The rows of Alembic's; `None` if there is none.
    pub(crate) alembic: Option<Vec<String>>,
    /// What is wrong with them.
    pub(crate) findings: Vec<Finding>,
}

impl Ledgers {
    /// Reads them, and holds them against the chain of this build.
    pub(crate) async fn read(db: &impl ConnectionTrait) -> Result<Self, DbErr> {
        let mut applied = history::read(db).await?;
        if let Some(rows) = &mut applied {
            let recorded = checksums::recorded(db).await?;
            for row in rows {
                row.checksum = recorded.get(&row.revision).cloned();
            }
        }
        let alembic = alembic_versions(db).await?;
        let backend = db.get_database_backend();
        let chain: Vec<ChainRevision<'_>> = REVISIONS
            .iter()
            .map(|revision| ChainRevision {
                name: revision.name,
                checksum: snapshots::checksum(backend, revision.name),
            })
            .collect();
        let mut findings = history::check(&chain, applied.as_deref());
        if let Some(rows) = &alembic {
            findings.extend(alembic_findings(rows, applied.as_deref()));
        }
        Ok(Self {
            applied,
            alembic,
            findings,
        })
    }
}

/// What Alembic's ledger should say is the newest mirrored revision that ours
/// has. Without ours nothing is known; the missing ledger is a finding already.
fn alembic_findings(rows: &[String], applied: Option<&[Applied]>) -> Vec<Finding> {
    let Some(applied) = applied else {
        return Vec::new();
    };
    let mirrored = REVISIONS.iter().rev().find(|revision| {
        let is_applied = applied.iter().any(|row| row.revision == revision.name);
        revision.alembic.is_some() && is_applied
    });
    let known: Vec<&str> = REVISIONS.iter().filter_map(|r| r.alembic).collect();
    history::check_foreign(&ForeignLedger {
        table: ALEMBIC,
        rows,
        expected: mirrored.and_then(|revision| revision.alembic),
        known: &known,
    })
}

/// The rows of Alembic's ledger, by name, at most 100; `None` without it.
pub(crate) async fn alembic_versions(
    db: &impl ConnectionTrait,
) -> Result<Option<Vec<String>>, DbErr> {
    if !outreach_migration::ledger::table_exists(db, ALEMBIC).await? {
        return Ok(None);
    }
    let sql = r#"SELECT "version_num" FROM "alembic_version" ORDER BY 1 LIMIT 100"#;
    let rows = db
        .query_all_raw(Statement::from_string(db.get_database_backend(), sql))
        .await?;
    let rows = rows.iter().map(|row| row.try_get("", "version_num"));
    rows.collect::<Result<_, _>>().map(Some)
}
