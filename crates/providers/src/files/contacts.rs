//! Contact addresses from a file.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::io::Read;
use std::path::Path;

use async_trait::async_trait;
use outreach_domain::{Domain, EmailAddress};
use outreach_service::discovery::{Contact, ContactFinder, ProviderError};
use serde_json::json;
use tracing::debug;

use super::Limits;
use super::csv_rows::{Header, Record, Records};
use super::detect::Format;
use super::error::{OpenError, ReadError};
use super::report::{LoadReport, Recorder};
use super::search::no_rows;
use super::source::Input;

const EXPECTED: &str = "domain, email (and, where known, confidence)";

/// A [`ContactFinder`] that answers from a CSV file read once; its name is `file`.
///
/// The columns are `domain`, `email` and, where known, `confidence` (0 to 100).
/// Of several rows for one domain the surest counts, the first among equals; a
/// row without confidence is the least sure.
pub struct ContactFile {
    contacts: HashMap<Domain, Known>,
}

#[derive(Debug)]
struct Known {
    email: EmailAddress,
    confidence: Option<u8>,
}

impl fmt::Debug for ContactFile {
    /// Tells how many contacts there are; addresses stay out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContactFile")
            .field("domains", &self.contacts.len())
            .finish_non_exhaustive()
    }
}

impl ContactFile {
    /// Reads a CSV file; bad rows are set aside in the report. Blocks while it
    /// reads.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when `path` cannot be read, lacks a column, gives not a
    /// single contact, or has more than [`MAX_ROWS`](super::MAX_ROWS) rows.
    pub fn open(path: &Path) -> Result<(Self, LoadReport), OpenError> {
        Self::open_within(path, Limits::default())
    }

    fn open_within(path: &Path, limits: Limits) -> Result<(Self, LoadReport), OpenError> {
        let mut recorder = Recorder::new(limits.bad_rows);
        recorder.begin_file(path);
        let contacts = Input::open(path)
            .map_err(ReadError::Io)
            .and_then(|input| read(input, &mut recorder, limits.rows))
            .map_err(|error| error.at(path))?;
        if contacts.is_empty() {
            return Err(no_rows(path, recorder.report()));
        }
        let report = recorder.finish();
        debug!(
            rows = report.rows_read,
            set_aside = report.rows_set_aside,
            "read contacts"
        );
        Ok((Self { contacts }, report))
    }

    /// How many domains have a contact.
    #[must_use]
    pub fn len(&self) -> usize {
        self.contacts.len()
    }

    /// True when no domain has a contact, which `open` does not return.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contacts.is_empty()
    }
}

#[async_trait]
impl ContactFinder for ContactFile {
    fn name(&self) -> &'static str {
        "file"
    }

    async fn find(&self, domain: &Domain) -> Result<Option<Contact>, ProviderError> {
        Ok(self.contacts.get(domain).map(|known| Contact {
            email: known.email.clone(),
            confidence: known.confidence,
            payload: Some(json!({
                "email": known.email.as_str(),
                "confidence": known.confidence,
                "source": "file",
            })),
        }))
    }
}

fn read<R: Read>(
    input: Input<R>,
    recorder: &mut Recorder,
    limit: usize,
) -> Result<HashMap<Domain, Known>, ReadError> {
    let mut contacts = HashMap::new();
    if input.format.is_none() {
        return Ok(contacts);
    }
    recorder.format(Format::Csv);
    let mut records = Records::new(input.reader);
    let header = records.header(&["domain", "email"], EXPECTED)?;
    let mut rows = 0;
    while let Some(record) = records.next_record()? {
        match parse(&header, &record) {
            Ok(_) if rows == limit => return Err(ReadError::TooManyRows { limit }),
            Ok((domain, known)) => {
                rows += 1;
                recorder.row();
                keep_surer(&mut contacts, domain, known);
            }
            Err(reason) => recorder.bad(Some(record.line), reason),
        }
    }
    Ok(contacts)
}

fn parse(header: &Header, record: &Record) -> Result<(Domain, Known), String> {
    let cells = header.fit(record)?;
    let text = |name| -> Result<&str, String> {
        let text = cells.text(header.column(name))?;
        Ok(text.unwrap_or_default().trim())
    };
    let (domain, email, confidence) = (text("domain")?, text("email")?, text("confidence")?);
    let domain = Domain::parse(domain).map_err(|error| format!("domain `{domain}`: {error}"))?;
    let email = EmailAddress::parse(email).map_err(|error| format!("email `{email}`: {error}"))?;
    let confidence = match confidence {
        "" => None,
        digits => Some(
            digits
                .parse()
                .ok()
                .filter(|sure| *sure <= 100_u8)
                .ok_or_else(|| format!("confidence `{digits}` is not a whole number up to 100"))?,
        ),
    };
    Ok((domain, Known { email, confidence }))
}

fn keep_surer(contacts: &mut HashMap<Domain, Known>, domain: Domain, known: Known) {
    match contacts.entry(domain) {
        Entry::Vacant(free) => {
            free.insert(known);
        }
        // `None` is less than any number.
        Entry::Occupied(mut kept) if kept.get().confidence < known.confidence => {
            kept.insert(known);
        }
        Entry::Occupied(_) => {}
    }
}
