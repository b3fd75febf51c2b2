//! A database at the mirrored head with the duplicates that its predecessor
//! could leave behind.

use std::fmt::Write as _;

use outreach_tests::TestDb;
use sea_orm::DbBackend;

/// Writes literals as the database takes them.
pub(super) struct Literals(pub(super) DbBackend);

impl Literals {
    /// The key with this number.
    pub(super) fn id(&self, number: u128) -> String {
        match self.0 {
            DbBackend::Sqlite => format!("x'{number:032x}'"),
            _ => format!("'{}'", uuid::Uuid::from_u128(number)),
        }
    }

    /// The same key as a query's result.
    pub(super) fn shown(&self, number: u128) -> String {
        match self.0 {
            DbBackend::Sqlite => format!("{number:032x}"),
            _ => uuid::Uuid::from_u128(number).to_string(),
        }
    }
}

pub(super) const JOB: u128 = 1;
pub(super) const OLD_QUERY: u128 = 0x11;
pub(super) const YOUNG_QUERY: u128 = 0x12;
pub(super) const OTHER_QUERY: u128 = 0x13;

/// The prospects of one domain, by what is to become of them.
pub(super) const KEPT: u128 = 0x50;
pub(super) const WITH_CONTACT: u128 = 0x51;
pub(super) const SENT: u128 = 0x52;
/// Has no time, so it counts as the youngest; its key is the lowest.
pub(super) const TIMELESS: u128 = 0x4f;
pub(super) const ALONE: u128 = 0x60;

/// Spaces, order of keys, repeated keys, numbers beyond a float, escapes: all
/// that a JSON reader would write differently.
pub(super) const ODD_JSON: &str = r#"{"b": 1,  "a": "emoji 😀 \"quoted\" \u00e9\/", "n": 1.10, "big": 123456789012345678901234, "b": 2, "e": 1e5}"#;

/// Doubled domains, so that the merge takes several batches.
pub(super) const PAIRS: u128 = 450;

const PROSPECT: &str = "insert into prospects (id, domain, page_url, page_title, contact_email, \
     contact_method, da_est, score, outreach_status, last_sent, followups_sent, draft_subject, \
     draft_body, dataforseo_payload, hunter_payload, created_at, updated_at, discovery_query_id) values ";

/// Fills a database at the mirrored head.
pub(super) async fn insert(db: &TestDb) -> anyhow::Result<()> {
    insert_few(db).await?;
    insert_pairs(db, &Literals(db.backend())).await
}

/// As [`insert`], without the many.
pub(super) async fn insert_few(db: &TestDb) -> anyhow::Result<()> {
    let literals = Literals(db.backend());
    insert_queries(db, &literals).await?;
    insert_one_domain(db, &literals).await
}

async fn insert_queries(db: &TestDb, literals: &Literals) -> anyhow::Result<()> {
    let id = |number| literals.id(number);
    db.sql(&format!(
        "insert into jobs (id, job_type, status, created_at, updated_at) values \
         ({}, 'discover', 'completed', '2026-01-01T00:00:00+00:00', null)",
        id(JOB)
    ))
    .await?;
    db.sql(&format!(
        "insert into discovery_queries (id, job_id, keyword, location, location_code, category, \
         status, results_found, results_saved, results_skipped_duplicate, results_skipped_existing, \
         error_message, query_metadata, created_at, updated_at) values \
         ({old}, {job}, 'décor 😀', 'uk', 2826, null, 'failed', 10, 1, 2, 3, 'it''s \"odd\"', null, \
          '2026-01-01T00:00:00.000001+00:00', '2026-01-01T00:00:01+00:00'), \
         ({young}, {job}, 'décor 😀', 'uk', 2826, 'home_decor', 'success', 7, 2, 0, 1, null, '{ODD_JSON}', \
          '2026-01-02T00:00:00.120+00:00', '2026-01-02T00:00:00.000+00:00'), \
         ({other}, {job}, 'décor 😀', 'usa', 2840, null, 'success', 5, 1, 0, 0, null, 'null', \
          '2026-01-02T00:00:00+00:00', null)",
        old = id(OLD_QUERY),
        young = id(YOUNG_QUERY),
        other = id(OTHER_QUERY),
        job = id(JOB),
    ))
    .await?;
    Ok(())
}

async fn insert_one_domain(db: &TestDb, literals: &Literals) -> anyhow::Result<()> {
    let id = |number| literals.id(number);
    db.sql(&format!(
        "{PROSPECT} \
         ({kept}, 'blog.example', 'https://blog.example/', '', null, '', null, null, 'pending', null, null, \
          '', null, null, 'null', '2026-01-01T10:00:00.123456+00:00', null, null), \
         ({contact}, 'blog.example', 'https://blog.example/b', 'B \"title\" it''s 😀', 'b@blog.example', \
          'hunter_io', 12.34, 99.50, 'pending', null, 0, null, 'draft', '{ODD_JSON}', '{{\"email\": \"b\"}}', \
          '2026-01-02T10:00:00.120+00:00', '2026-01-02T10:00:00.000+00:00', {young}), \
         ({sent}, 'blog.example', '', 'C', 'c@blog.example', 'other', 1.00, null, 'sent', \
          '2026-02-01T09:30:00.500+00:00', 2, 'hello', '', null, 'null', '2026-01-03T10:00:00+00:00', \
          '2026-01-04T10:00:00+00:00', {old}), \
         ({timeless}, 'blog.example', null, null, null, null, null, null, 'REPLIED?', null, 1, null, null, \
          '[]', null, null, null, null), \
         ({alone}, 'alone.example', '', null, 'null', '', 0.00, 12.30, '', null, 0, null, '', 'null', \
          '{ODD_JSON}', '2026-01-01T10:00:00.000+00:00', '2026-01-01T10:00:00.100+00:00', {young})",
        kept = id(KEPT),
        contact = id(WITH_CONTACT),
        sent = id(SENT),
        timeless = id(TIMELESS),
        alone = id(ALONE),
        old = id(OLD_QUERY),
        young = id(YOUNG_QUERY),
    ))
    .await?;
    let logs = [KEPT, WITH_CONTACT, SENT, SENT, ALONE];
    for (number, prospect) in (0x100..).zip(logs) {
        db.sql(&format!(
            "insert into email_logs (id, prospect_id, subject, body, response, sent_at) values \
             ({}, {}, 'Hello 😀', null, '{ODD_JSON}', '2026-02-01T09:30:00.500+00:00')",
            id(number),
            id(prospect),
        ))
        .await?;
    }
    Ok(())
}

async fn insert_pairs(db: &TestDb, literals: &Literals) -> anyhow::Result<()> {
    let mut sql =
        String::from("insert into prospects (id, domain, outreach_status, created_at) values ");
    for pair in 0..PAIRS {
        for (offset, day) in [(0, 2), (1, 1)] {
            let comma = if pair + offset == 0 { "" } else { ", " };
            let id = literals.id(0x10_0000 + 2 * pair + offset);
            write!(
                sql,
                "{comma}({id}, 'pair-{pair}.example', 'pending', '2026-03-{day:02}T00:00:00+00:00')"
            )?;
        }
    }
    db.sql(&sql).await?;
    Ok(())
}
