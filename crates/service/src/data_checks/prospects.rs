//! Domains and addresses of prospects, read with the parsers that a discovery
//! uses, a page of rows at a time.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use outreach_domain::{Domain, EmailAddress};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement};
use uuid::Uuid;

use super::{DataCheckError, DataCode, DataFinding, Remedy, check::MAX_IDS, shape::Shape};

/// Rows of one page.
const PAGE: usize = 1000;

/// Characters of a stored text that are read; no domain or address is longer,
/// and the parsers refuse what is cut.
const MAX_TEXT: usize = 8200;

/// Rows whose correction is written out. The statements of more would be longer
/// than anybody reads; they are found again once these are mended.
const MAX_CORRECTIONS: usize = 100;

/// Domains in another spelling that are remembered, to find two of one web site
/// among them. Each takes eight bytes.
const MAX_SPELLINGS: usize = 500_000;

/// Walks the table by its key. Memory stays the same, whatever its length.
pub(super) async fn check<C: ConnectionTrait>(
    db: &C,
    shape: &Shape,
) -> Result<Vec<DataFinding>, DataCheckError> {
    let needs = ["id", "domain", "contact_email"].map(|column| ("prospects", column));
    if !shape.has_all(&needs) {
        return Ok(Vec::new());
    }
    let failed = |source| DataCheckError::Check {
        code: DataCode::DomainMalformed,
        object: "prospects.domain".to_owned(),
        source,
    };
    let mut walk = Walk::default();
    let mut after = None;
    loop {
        let rows = page(db, after.as_ref()).await.map_err(failed)?;
        walk.look_at(db, &rows).await.map_err(failed)?;
        match rows.last() {
            Some(last) if rows.len() == PAGE => after = Some(last.key.clone()),
            _ => return Ok(walk.findings()),
        }
    }
}

struct Row {
    key: Key,
    domain: Option<String>,
    email: Option<String>,
}

/// A key as the database compares it. On SQLite it may be anything, and bytes
/// are the form that the others are made of.
#[derive(Clone)]
enum Key {
    Uuid(Uuid),
    Bytes(Vec<u8>),
}

impl Key {
    fn shown(&self) -> String {
        let uuid = match self {
            Self::Uuid(uuid) => *uuid,
            Self::Bytes(bytes) => match Uuid::from_slice(bytes) {
                Ok(uuid) => uuid,
                Err(_) => return outreach_domain::excerpt(&String::from_utf8_lossy(bytes), 100),
            },
        };
        uuid.to_string()
    }

    /// As a literal of the database that it came from.
    fn literal(&self) -> String {
        match self {
            Self::Uuid(uuid) => format!("'{uuid}'"),
            Self::Bytes(bytes) => {
                let digit = |half: u8| char::from_digit(u32::from(half), 16);
                let digits = bytes
                    .iter()
                    .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
                let digits: String = digits.flatten().collect();
                format!("X'{digits}'")
            }
        }
    }
}

/// Keys of another form than bytes are a finding of their own; walking over
/// them would need another comparison.
async fn page<C: ConnectionTrait>(db: &C, after: Option<&Key>) -> Result<Vec<Row>, DbErr> {
    let backend = db.get_database_backend();
    let beyond = match after {
        Some(_) => "AND t.id > $1",
        None => "",
    };
    // As bytes, because a text of SQLite need not be valid UTF-8.
    let sql = match backend {
        DbBackend::Sqlite => format!(
            "SELECT t.id AS id, CAST(substr(t.domain, 1, {MAX_TEXT}) AS blob) AS domain, \
             CAST(substr(t.contact_email, 1, {MAX_TEXT}) AS blob) AS email FROM prospects AS t \
             WHERE typeof(t.id) = 'blob' {beyond} ORDER BY t.id LIMIT {PAGE}"
        ),
        _ => format!(
            "SELECT t.id AS id, substr(CAST(t.domain AS text), 1, {MAX_TEXT}) AS domain, \
             substr(CAST(t.contact_email AS text), 1, {MAX_TEXT}) AS email FROM prospects AS t \
             WHERE true {beyond} ORDER BY t.id LIMIT {PAGE}"
        ),
    };
    let value = after.map(|key| match key {
        Key::Uuid(uuid) => sea_orm::Value::from(*uuid),
        Key::Bytes(bytes) => sea_orm::Value::from(bytes.clone()),
    });
    let rows = db
        .query_all_raw(Statement::from_sql_and_values(backend, sql, value))
        .await?;
    rows.iter().map(|row| read(row, backend)).collect()
}

fn read(row: &QueryResult, backend: DbBackend) -> Result<Row, DbErr> {
    if backend != DbBackend::Sqlite {
        return Ok(Row {
            key: Key::Uuid(row.try_get("", "id")?),
            domain: row.try_get("", "domain")?,
            email: row.try_get("", "email")?,
        });
    }
    let text = |column| {
        let bytes: Option<Vec<u8>> = row.try_get("", column)?;
        Ok::<_, DbErr>(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    };
    Ok(Row {
        key: Key::Bytes(row.try_get("", "id")?),
        domain: text("domain")?,
        email: text("email")?,
    })
}

/// Rows of one kind: how many, and the first of them.
#[derive(Default)]
struct Found {
    count: u64,
    ids: Vec<String>,
}

impl Found {
    fn add(&mut self, key: &Key) {
        self.count += 1;
        if self.ids.len() < MAX_IDS {
            self.ids.push(key.shown());
        }
    }

    fn finding(self, code: DataCode, column: &str, remedy: Remedy) -> Option<DataFinding> {
        if self.count == 0 {
            return None;
        }
        Some(DataFinding {
            code,
            severity: code.severity(),
            object: format!("prospects.{column}"),
            meaning: code.meaning().to_owned(),
            count: self.count,
            ids: self.ids,
            remedy,
        })
    }
}

#[derive(Default)]
struct Walk {
    malformed: Found,
    not_normalized: Found,
    duplicates: Found,
    emails: Found,
    corrections: Vec<String>,
    /// Hashes of the domains of rows in another spelling.
    spellings: HashSet<u64>,
}

impl Walk {
    async fn look_at<C: ConnectionTrait>(&mut self, db: &C, rows: &[Row]) -> Result<(), DbErr> {
        let mut respelt: Vec<(&Key, Domain)> = Vec::new();
        for row in rows {
            match row
                .domain
                .as_deref()
                .map(|text| (text, Domain::parse(text)))
            {
                Some((_, Err(_))) => self.malformed.add(&row.key),
                Some((text, Ok(domain))) if domain.as_str() != text => {
                    respelt.push((&row.key, domain));
                }
                // A missing domain is a finding of its own.
                _ => {}
            }
            let email = row.email.as_deref().filter(|email| !email.is_empty());
            if email.is_some_and(|email| email.parse::<EmailAddress>().is_err()) {
                self.emails.add(&row.key);
            }
        }
        let stored = stored(db, &respelt).await?;
        for (key, domain) in respelt {
            let is_known = stored.contains(domain.as_str());
            if is_known || !self.is_first(&domain) {
                self.duplicates.add(key);
                continue;
            }
            self.not_normalized.add(key);
            if self.corrections.len() < MAX_CORRECTIONS {
                // The domain has nothing but letters, digits, hyphens and dots.
                self.corrections.push(format!(
                    "UPDATE prospects SET domain = '{domain}' WHERE id = {};",
                    key.literal()
                ));
            }
        }
        Ok(())
    }

    /// Whether no row before had this domain in another spelling.
    fn is_first(&mut self, domain: &Domain) -> bool {
        let mut hasher = DefaultHasher::new();
        domain.hash(&mut hasher);
        let hash = hasher.finish();
        if self.spellings.len() >= MAX_SPELLINGS {
            return !self.spellings.contains(&hash);
        }
        self.spellings.insert(hash)
    }

    fn findings(self) -> Vec<DataFinding> {
        let advice = |text: &str| Remedy::Advice(text.to_owned());
        [
            self.duplicates.finding(
                DataCode::DomainDuplicateNormalized,
                "domain",
                advice(
                    "of the rows of one web site keep the one whose outreach has got furthest, \
                     point the `email_logs` of the others to it, and delete the others",
                ),
            ),
            self.not_normalized.finding(
                DataCode::DomainNotNormalized,
                "domain",
                Remedy::Sql(self.corrections.join("\n")),
            ),
            self.malformed.finding(
                DataCode::DomainMalformed,
                "domain",
                advice("correct `domain` from `page_url`, or set `outreach_status` to `rejected`"),
            ),
            self.emails.finding(
                DataCode::EmailMalformed,
                "contact_email",
                advice("correct `contact_email`, or set it to NULL, so that it is looked up again"),
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Which of these domains are stored as they are written. One statement, on the
/// index over domains, for the rows of a page.
async fn stored<C: ConnectionTrait>(
    db: &C,
    respelt: &[(&Key, Domain)],
) -> Result<HashSet<String>, DbErr> {
    if respelt.is_empty() {
        return Ok(HashSet::new());
    }
    let parameters: Vec<String> = (1..=respelt.len()).map(|n| format!("${n}")).collect();
    let rows = db
        .query_all_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            format!(
                "SELECT DISTINCT domain FROM prospects WHERE domain IN ({})",
                parameters.join(", ")
            ),
            respelt.iter().map(|(_, domain)| domain.as_str().into()),
        ))
        .await?;
    rows.iter().map(|row| row.try_get("", "domain")).collect()
}
