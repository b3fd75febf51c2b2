//! Prospects with the same domain.

use std::collections::BTreeMap;

use sea_orm::{
    ConnectionTrait, DbErr, FromQueryResult, Order,
    prelude::{DateTimeWithTimeZone, Decimal, Uuid},
    sea_query::{Expr, ExprTrait, NullOrdering, Query},
};
use serde::{Deserialize, Serialize};

use super::{
    BATCH,
    record::{self, KeptRow, MergedRow},
    stored_json::{StoredJson, set_if_present, to_column},
};

const TABLE: &str = "prospects";

const COLUMNS: [&str; 18] = [
    "id",
    "domain",
    "page_url",
    "page_title",
    "contact_email",
    "contact_method",
    "da_est",
    "score",
    "outreach_status",
    "last_sent",
    "followups_sent",
    "draft_subject",
    "draft_body",
    "dataforseo_payload",
    "hunter_payload",
    "created_at",
    "updated_at",
    "discovery_query_id",
];

const JSON_COLUMNS: [&str; 2] = ["dataforseo_payload", "hunter_payload"];

/// A row of `prospects` at this revision.
#[derive(Debug, Clone, PartialEq, FromQueryResult, Serialize, Deserialize)]
struct Prospect {
    id: Uuid,
    domain: String,
    page_url: Option<String>,
    page_title: Option<String>,
    contact_email: Option<String>,
    contact_method: Option<String>,
    da_est: Option<Decimal>,
    score: Option<Decimal>,
    outreach_status: Option<String>,
    last_sent: Option<DateTimeWithTimeZone>,
    followups_sent: Option<i32>,
    draft_subject: Option<String>,
    draft_body: Option<String>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "set_if_present"
    )]
    dataforseo_payload: Option<StoredJson>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "set_if_present"
    )]
    hunter_payload: Option<StoredJson>,
    created_at: Option<DateTimeWithTimeZone>,
    updated_at: Option<DateTimeWithTimeZone>,
    discovery_query_id: Option<Uuid>,
}

impl Prospect {
    /// Fills the empty fields of the older row from the younger one.
    ///
    /// Of the outreach state the further one counts, whoever has it: a mail that went out for
    /// either row went out to this domain, and must not go out again.
    fn absorb(&mut self, younger: &Self) {
        fill_text(&mut self.page_url, younger.page_url.as_ref());
        fill_text(&mut self.page_title, younger.page_title.as_ref());
        fill_text(&mut self.contact_email, younger.contact_email.as_ref());
        fill_text(&mut self.contact_method, younger.contact_method.as_ref());
        fill_text(&mut self.draft_subject, younger.draft_subject.as_ref());
        fill_text(&mut self.draft_body, younger.draft_body.as_ref());
        self.da_est = self.da_est.or(younger.da_est);
        self.score = self.score.or(younger.score);
        fill_json(
            &mut self.dataforseo_payload,
            younger.dataforseo_payload.as_ref(),
        );
        fill_json(&mut self.hunter_payload, younger.hunter_payload.as_ref());
        self.discovery_query_id = self.discovery_query_id.or(younger.discovery_query_id);
        if outreach_rank(younger.outreach_status.as_deref())
            > outreach_rank(self.outreach_status.as_deref())
        {
            self.outreach_status.clone_from(&younger.outreach_status);
        }
        self.last_sent = Ord::max(self.last_sent, younger.last_sent);
        self.followups_sent = Ord::max(self.followups_sent, younger.followups_sent);
    }

    /// Takes back what [`absorb`](Self::absorb) made of `before`, where the
    /// value is still the one that it left.
    fn undo(&mut self, KeptRow { before, after }: &KeptRow<Self>) {
        macro_rules! undo {
            ($($column:ident)+) => {
                $(record::undo(&mut self.$column, &before.$column, &after.$column);)+
            };
        }
        undo! {
            page_url page_title contact_email contact_method da_est score outreach_status
            last_sent followups_sent draft_subject draft_body dataforseo_payload hunter_payload
            discovery_query_id
        }
    }
}

fn fill_json(field: &mut Option<StoredJson>, from: Option<&StoredJson>) {
    let is_blank = |json: Option<&StoredJson>| json.is_none_or(StoredJson::is_null);
    if is_blank(field.as_ref()) && !is_blank(from) {
        *field = from.cloned();
    }
}

fn fill_text(field: &mut Option<String>, from: Option<&String>) {
    if is_blank(field.as_ref()) && !is_blank(from) {
        *field = from.cloned();
    }
}

fn is_blank(text: Option<&String>) -> bool {
    text.is_none_or(String::is_empty)
}

/// How far outreach has got. A text that nobody knows counts as further than
/// `pending`, so that it is kept.
fn outreach_rank(status: Option<&str>) -> u8 {
    match status {
        None | Some("") => 0,
        Some("pending") => 1,
        Some("sent") => 3,
        Some("replied") => 4,
        Some("accepted" | "rejected") => 5,
        Some(_) => 2,
    }
}

/// Merges prospects that share a domain. Returns how many rows went.
pub(super) async fn merge<C: ConnectionTrait>(db: &C) -> Result<u64, DbErr> {
    let mut merged = 0;
    loop {
        let domains = duplicate_domains(db).await?;
        if domains.is_empty() {
            return Ok(merged);
        }
        merged += merge_domains(db, domains).await?;
    }
}

async fn duplicate_domains<C: ConnectionTrait>(db: &C) -> Result<Vec<String>, DbErr> {
    let select = Query::select()
        .column("domain")
        .from(TABLE)
        .group_by_col("domain")
        .and_having(Expr::col("id").count().gt(1))
        .order_by("domain", Order::Asc)
        .limit(BATCH)
        .take();
    let rows = db.query_all(&select).await?;
    rows.iter().map(|row| row.try_get("", "domain")).collect()
}

async fn merge_domains<C: ConnectionTrait>(db: &C, domains: Vec<String>) -> Result<u64, DbErr> {
    let mut select = record::select(&COLUMNS, &JSON_COLUMNS);
    select
        .from(TABLE)
        .and_where(Expr::col("domain").is_in(domains))
        .order_by("domain", Order::Asc)
        .order_by_with_nulls("created_at", Order::Asc, NullOrdering::Last)
        .order_by("id", Order::Asc);
    let mut groups: BTreeMap<String, Vec<Prospect>> = BTreeMap::new();
    for row in &db.query_all(&select).await? {
        let prospect = Prospect::from_query_result(row, "")?;
        groups
            .entry(prospect.domain.clone())
            .or_default()
            .push(prospect);
    }
    let mut merged = 0;
    for rows in groups.into_values() {
        merged += merge_group(db, rows).await?;
    }
    Ok(merged)
}

async fn merge_group<C: ConnectionTrait>(db: &C, rows: Vec<Prospect>) -> Result<u64, DbErr> {
    let mut rows = rows.into_iter();
    let Some(mut kept) = rows.next() else {
        return Ok(0);
    };
    let before = kept.clone();
    let mut records = Vec::new();
    for younger in rows {
        kept.absorb(&younger);
        records.push(MergedRow {
            kept_id: kept.id,
            merged_id: younger.id,
            repointed: record::repoint(db, "email_logs", "prospect_id", younger.id, kept.id)
                .await?,
            row: younger,
            kept: None,
        });
    }
    if kept != before {
        update(db, &kept).await?;
        if let Some(first) = records.first_mut() {
            first.kept = Some(KeptRow {
                before,
                after: kept,
            });
        }
    }
    record::write(db, TABLE, &records).await?;
    record::delete_merged(db, TABLE, &records).await?;
    Ok(records.len() as u64)
}

async fn update<C: ConnectionTrait>(db: &C, row: &Prospect) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let row = row.clone();
    let update = Query::update()
        .table(TABLE)
        .values([
            ("page_url", row.page_url.into()),
            ("page_title", row.page_title.into()),
            ("contact_email", row.contact_email.into()),
            ("contact_method", row.contact_method.into()),
            ("da_est", row.da_est.into()),
            ("score", row.score.into()),
            ("outreach_status", row.outreach_status.into()),
            ("last_sent", row.last_sent.into()),
            ("followups_sent", row.followups_sent.into()),
            ("draft_subject", row.draft_subject.into()),
            ("draft_body", row.draft_body.into()),
            (
                "dataforseo_payload",
                to_column(backend, row.dataforseo_payload),
            ),
            ("hunter_payload", to_column(backend, row.hunter_payload)),
            ("discovery_query_id", row.discovery_query_id.into()),
        ])
        .and_where(Expr::col("id").eq(row.id))
        .take();
    db.execute(&update).await?;
    Ok(())
}

/// Puts merged prospects back. Returns how many.
pub(super) async fn restore<C: ConnectionTrait>(db: &C) -> Result<u64, DbErr> {
    let mut restored = 0;
    let mut after = None;
    loop {
        let records: Vec<MergedRow<Prospect>> = record::read(db, TABLE, after, BATCH).await?;
        let Some(last) = records.last() else {
            return Ok(restored);
        };
        after = Some(last.merged_id);
        for record in records {
            let mut row = record.row.clone();
            if let Some(query) = row.discovery_query_id
                && !record::exists(db, "discovery_queries", query).await?
            {
                // Deleted since; the column's own action would have done this.
                row.discovery_query_id = None;
            }
            insert(db, row).await?;
            record::point_back(db, "email_logs", "prospect_id", &record).await?;
            if let Some(change) = &record.kept
                && let Some(mut kept) = find(db, record.kept_id).await?
            {
                kept.undo(change);
                update(db, &kept).await?;
            }
            restored += 1;
        }
    }
}

async fn find<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<Option<Prospect>, DbErr> {
    let mut select = record::select(&COLUMNS, &JSON_COLUMNS);
    select.from(TABLE).and_where(Expr::col("id").eq(id));
    let row = db.query_one(&select).await?;
    row.map(|row| Prospect::from_query_result(&row, ""))
        .transpose()
}

async fn insert<C: ConnectionTrait>(db: &C, row: Prospect) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let insert = Query::insert()
        .into_table(TABLE)
        .columns(COLUMNS)
        .values([
            row.id.into(),
            row.domain.into(),
            row.page_url.into(),
            row.page_title.into(),
            row.contact_email.into(),
            row.contact_method.into(),
            row.da_est.into(),
            row.score.into(),
            row.outreach_status.into(),
            row.last_sent.into(),
            row.followups_sent.into(),
            row.draft_subject.into(),
            row.draft_body.into(),
            to_column(backend, row.dataforseo_payload),
            to_column(backend, row.hunter_payload),
            row.created_at.into(),
            row.updated_at.into(),
            row.discovery_query_id.into(),
        ])
        .map_err(|error| DbErr::Migration(error.to_string()))?
        .take();
    db.execute(&insert).await?;
    Ok(())
}
