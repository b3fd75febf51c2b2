use chrono::{DateTime, Utc};
use outreach_domain::{DiscoveryQueryId, OutreachStatus, ProspectId};
use outreach_entity::prospects;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;

use crate::InconsistentRow;

/// A row of `prospects`.
///
/// Rows of old databases may hold NULL where newer ones never do; it reads as
/// the column's default.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prospect {
    /// Its key.
    pub id: ProspectId,
    /// The web site, unique. A text, because old databases hold domains that
    /// would not be saved today.
    pub domain: String,
    /// The page that was found, as the search gave it.
    pub page_url: Option<String>,
    /// Its title, at most 500 characters.
    pub page_title: Option<String>,
    /// Whom to write to.
    pub contact_email: Option<String>,
    /// Who found the address.
    pub contact_method: Option<String>,
    /// An estimate of the domain's authority, 0 to 999.99.
    pub da_est: Option<Decimal>,
    /// How promising it is; 0 until it is scored.
    pub score: Decimal,
    /// How far outreach has got.
    pub outreach_status: OutreachStatus,
    /// When the last mail went out.
    pub last_sent: Option<DateTime<Utc>>,
    /// Follow-ups after the first mail.
    pub followups_sent: i32,
    /// The subject of a mail that waits.
    pub draft_subject: Option<String>,
    /// The text of a mail that waits.
    pub draft_body: Option<String>,
    /// What the search said.
    #[serde(rename = "dataforseo_payload")]
    pub search_payload: Option<Value>,
    /// What the contact finder said.
    #[serde(rename = "hunter_payload")]
    pub contact_payload: Option<Value>,
    /// The query that found it.
    pub discovery_query_id: Option<DiscoveryQueryId>,
    /// When it was saved; rows of old databases may lack it.
    pub created_at: Option<DateTime<Utc>>,
    /// When it changed last.
    pub updated_at: Option<DateTime<Utc>>,
    /// The score as stored, for the place in the list.
    #[serde(skip)]
    pub(super) stored_score: Option<Decimal>,
}

impl TryFrom<prospects::Model> for Prospect {
    type Error = InconsistentRow;

    fn try_from(row: prospects::Model) -> Result<Self, Self::Error> {
        let outreach_status = match row.outreach_status.as_deref() {
            None => OutreachStatus::Pending,
            Some(stored) => OutreachStatus::parse(stored).ok_or_else(|| {
                InconsistentRow::new("prospects", "outreach_status", row.id, stored)
            })?,
        };
        Ok(Self {
            id: ProspectId::from_uuid(row.id),
            domain: row.domain,
            page_url: row.page_url,
            page_title: row.page_title,
            contact_email: row.contact_email,
            contact_method: row.contact_method,
            da_est: row.da_est,
            score: row.score.unwrap_or_default(),
            outreach_status,
            last_sent: row.last_sent.map(|time| time.to_utc()),
            followups_sent: row.followups_sent.unwrap_or_default(),
            draft_subject: row.draft_subject,
            draft_body: row.draft_body,
            search_payload: row.dataforseo_payload,
            contact_payload: row.hunter_payload,
            discovery_query_id: row.discovery_query_id.map(DiscoveryQueryId::from_uuid),
            created_at: row.created_at.map(|time| time.to_utc()),
            updated_at: row.updated_at.map(|time| time.to_utc()),
            stored_score: row.score,
        })
    }
}
