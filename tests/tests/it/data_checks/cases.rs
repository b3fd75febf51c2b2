//! A case: rows to put in, what is found of them, and that mending them works.

use std::collections::BTreeSet;

use anyhow::Context;
use outreach_service::data_checks::{DataCode, Remedy};
use outreach_tests::TestDb;
use sea_orm::DbBackend;
use uuid::Uuid;

use super::findings;

/// Rows that one check finds.
pub(super) struct Case {
    pub(super) code: DataCode,
    pub(super) object: &'static str,
    /// Statements, run with foreign keys off.
    pub(super) seed: String,
    /// The keys that are found.
    pub(super) ids: Vec<u128>,
    /// What somebody would do who follows advice or runs a command.
    pub(super) by_hand: Option<String>,
}

impl Case {
    pub(super) fn new(code: DataCode, object: &'static str, seed: String, ids: &[u128]) -> Self {
        Self {
            code,
            object,
            seed,
            ids: ids.to_vec(),
            by_hand: None,
        }
    }

    /// The remedy is no statement; this is what it comes to.
    pub(super) fn by_hand(mut self, sql: String) -> Self {
        self.by_hand = Some(sql);
        self
    }

    /// Seeds, looks, mends, and looks again.
    async fn run(&self, db: &TestDb) -> anyhow::Result<()> {
        unchecked(db, EMPTY).await?;
        unchecked(db, &self.seed).await?;
        let before = findings(db).await?;
        let [finding] = &before[..] else {
            anyhow::bail!("not one finding: {before:#?}");
        };
        let ids: Vec<String> = self
            .ids
            .iter()
            .map(|id| Uuid::from_u128(*id).to_string())
            .collect();
        anyhow::ensure!(
            (finding.code, finding.object.as_str()) == (self.code, self.object),
            "another finding: {finding:#?}"
        );
        anyhow::ensure!(
            finding.count == ids.len() as u64 && finding.ids[..] == ids[..ids.len().min(5)],
            "not these rows: {finding:#?}"
        );
        match (&finding.remedy, &self.by_hand) {
            (Remedy::Sql(sql), None) => db.sql(sql).await?,
            (Remedy::Advice(_) | Remedy::Command(_), Some(sql)) => unchecked(db, sql).await?,
            _ => anyhow::bail!("another kind of remedy: {finding:#?}"),
        };
        let after = findings(db).await?;
        anyhow::ensure!(after.is_empty(), "not mended: {after:#?}");
        Ok(())
    }
}

pub(super) async fn run_all(db: &TestDb, cases: Vec<Case>) -> anyhow::Result<()> {
    for case in cases {
        case.run(db)
            .await
            .with_context(|| format!("{} of {}: {}", case.code, case.object, case.seed))?;
    }
    Ok(())
}

const EMPTY: &str = "delete from email_logs; delete from prospects; delete from job_runs; \
     delete from discovery_queries; delete from jobs; delete from settings; \
     delete from merged_rows";

/// Runs statements without the checks of foreign keys, as they were when bad
/// rows came in.
pub(super) async fn unchecked(db: &TestDb, sql: &str) -> anyhow::Result<Vec<outreach_tests::Row>> {
    let off = match db.backend() {
        DbBackend::Sqlite => "pragma foreign_keys = off",
        _ => "set session_replication_role = replica",
    };
    db.sql(&format!("{off}; {sql}")).await
}

/// The key with this number, as a literal.
pub(super) fn id(backend: DbBackend, number: u128) -> String {
    match backend {
        DbBackend::Sqlite => format!("x'{number:032x}'"),
        _ => format!("'{}'", Uuid::from_u128(number)),
    }
}

pub(super) fn job(backend: DbBackend, number: u128, columns: &str, values: &str) -> String {
    insert(
        backend,
        "jobs",
        number,
        ("job_type, status", "'discover', 'completed'"),
        columns,
        values,
    )
}

pub(super) fn prospect(backend: DbBackend, number: u128, columns: &str, values: &str) -> String {
    let domain = format!("'d{number:x}.example.com'");
    insert(
        backend,
        "prospects",
        number,
        ("domain", &domain),
        columns,
        values,
    )
}

/// A query of the job with the number 1.
pub(super) fn query(backend: DbBackend, number: u128, columns: &str, values: &str) -> String {
    let job = id(backend, 1);
    let fixed = format!("{job}, 'k{number}', 'usa'");
    let fixed = ("job_id, keyword, location", fixed.as_str());
    insert(backend, "discovery_queries", number, fixed, columns, values)
}

/// A row with its key. A column that is named twice takes the later value.
fn insert(
    backend: DbBackend,
    table: &str,
    number: u128,
    (fixed, fixed_values): (&str, &str),
    columns: &str,
    values: &str,
) -> String {
    let named: Vec<&str> = columns.split(", ").filter(|c| !c.is_empty()).collect();
    let kept: Vec<(&str, &str)> = fixed
        .split(", ")
        .zip(fixed_values.split(", "))
        .filter(|(column, _)| !named.contains(column))
        .collect();
    let mut all_columns = vec!["id"];
    all_columns.extend(kept.iter().map(|(column, _)| *column));
    all_columns.extend(&named);
    let mut all_values = vec![id(backend, number)];
    all_values.extend(kept.iter().map(|(_, value)| (*value).to_owned()));
    if !values.is_empty() {
        all_values.push(values.to_owned());
    }
    format!(
        "insert into {table} ({}) values ({}); ",
        all_columns.join(", "),
        all_values.join(", ")
    )
}

/// The codes that this database can have.
pub(super) fn expected_codes(backend: DbBackend) -> BTreeSet<DataCode> {
    // PostgreSQL has types for these.
    let of_sqlite = [
        DataCode::KeyForm,
        DataCode::TimeForm,
        DataCode::InvalidJson,
        DataCode::TitleNul,
    ];
    DataCode::ALL
        .into_iter()
        .filter(|code| backend == DbBackend::Sqlite || !of_sqlite.contains(code))
        .collect()
}
