use chrono::{DateTime, Utc};
use outreach_domain::{JobId, JobKind, JobStatus};
use outreach_entity::jobs;
use serde::Serialize;
use serde_json::Value;

use crate::InconsistentRow;

/// A row of `jobs`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Job {
    /// Its key.
    pub id: JobId,
    /// What it does; stored in `job_type`.
    #[serde(rename = "job_type")]
    pub kind: JobKind,
    /// Where it is in its life.
    pub status: JobStatus,
    /// What it was asked to do, as stored.
    pub params: Option<Value>,
    /// What it did, once it ended.
    pub result: Option<Value>,
    /// Why it failed or was cancelled.
    pub error_message: Option<String>,
    /// When it was enqueued; rows of old databases may lack it.
    pub created_at: Option<DateTime<Utc>>,
    /// When it changed last.
    pub updated_at: Option<DateTime<Utc>>,
}

impl TryFrom<jobs::Model> for Job {
    type Error = InconsistentRow;

    fn try_from(row: jobs::Model) -> Result<Self, Self::Error> {
        let kind = JobKind::parse(&row.job_type)
            .ok_or_else(|| InconsistentRow::new("jobs", "job_type", row.id, &row.job_type))?;
        let status = JobStatus::parse(&row.status)
            .ok_or_else(|| InconsistentRow::new("jobs", "status", row.id, &row.status))?;
        Ok(Self {
            id: JobId::from_uuid(row.id),
            kind,
            status,
            params: row.params,
            result: row.result,
            error_message: row.error_message,
            created_at: row.created_at.map(|time| time.to_utc()),
            updated_at: row.updated_at.map(|time| time.to_utc()),
        })
    }
}
