//! The files that answer searches and know contacts, and what to say of them.

use outreach_domain::{DiscoveryRequest, excerpt};
use outreach_providers::files::{ContactFile, FileSearch, LoadReport, QueryInFile};
use outreach_service::discovery::{DiscoveryHandler, SearchQuery};
use serde_json::{Value, json};

use crate::{args::Sources, exit::Error, output};

/// Rows and queries that are named one by one on a terminal.
const MAX_NAMED: usize = 10;

/// The files, read.
#[derive(Debug)]
pub(super) struct Files {
    search: FileSearch,
    contacts: Option<ContactFile>,
    contact_required: bool,
    pub(super) reports: Reports,
}

/// What was read, and what was not.
#[derive(Debug)]
pub(super) struct Reports {
    results: LoadReport,
    contacts: Option<LoadReport>,
    /// Rows that answer none of the queries.
    unmatched: u64,
}

impl Files {
    /// Reads the files. Blocks, which on the main thread holds up nobody. Of a
    /// request it is known which rows will not be found.
    pub(super) fn open(
        sources: &Sources,
        request: Option<&DiscoveryRequest>,
    ) -> Result<Self, Error> {
        let Some(results) = &sources.results else {
            return Err(Error::refused_because(
                "no search provider is configured; name a file or directory of search results \
                 with --results",
            ));
        };
        let (search, results) = FileSearch::open(results)?;
        let contacts = sources.contacts.as_deref().map(ContactFile::open);
        let (contacts, contacts_report) = contacts.transpose()?.unzip();
        let unmatched = request.map_or(0, |request| search.unmatched(&queries(request)));
        Ok(Self {
            search,
            contacts,
            contact_required: sources.require_contact,
            reports: Reports {
                results,
                contacts: contacts_report,
                unmatched,
            },
        })
    }

    /// What does discoveries with these files.
    pub(super) fn into_handler(self) -> (DiscoveryHandler, Reports) {
        let handler = DiscoveryHandler::new(self.search);
        let handler = match self.contacts {
            Some(finder) => handler.contacts(finder, self.contact_required),
            None => handler,
        };
        (handler, self.reports)
    }

    /// Says what was not read, and what will not be found.
    pub(super) fn say_notes(&self) {
        let reports = &self.reports;
        say_set_aside("results", &reports.results);
        if let Some(report) = &reports.contacts {
            say_set_aside("contacts", report);
        }
        if reports.unmatched > 0 {
            output::say(&format!(
                "note: {} of {} rows answer none of the job's searches; the results hold {}",
                reports.unmatched,
                reports.results.rows_read,
                listed(&self.search.queries_in_file()),
            ));
        }
    }
}

impl Reports {
    pub(super) fn to_json(&self) -> Value {
        let mut results = report_json(&self.results);
        results["unmatched"] = self.unmatched.into();
        json!({
            "results": results,
            "contacts": self.contacts.as_ref().map(report_json),
        })
    }
}

fn queries(request: &DiscoveryRequest) -> Vec<SearchQuery> {
    let planned = request.planned_queries().into_iter();
    planned
        .map(|query| SearchQuery {
            keyword: query.keyword,
            location: query.location,
            category: query.category,
        })
        .collect()
}

fn report_json(report: &LoadReport) -> Value {
    let named: Vec<String> = report.set_aside.iter().map(ToString::to_string).collect();
    json!({
        "rows_read": report.rows_read,
        "rows_set_aside": report.rows_set_aside,
        "ignored_files": report.ignored_files,
        "ignored_items": report.ignored_items,
        "set_aside": named,
    })
}

fn say_set_aside(what: &str, report: &LoadReport) {
    if report.rows_set_aside == 0 {
        return;
    }
    output::say(&format!(
        "note: set aside as not readable: {} of the {what}",
        output::counted(report.rows_set_aside, "row")
    ));
    output::say_some(&report.set_aside, MAX_NAMED, report.rows_set_aside);
}

/// The keywords and locations of a file, as a hint which to ask for.
fn listed(queries: &[QueryInFile]) -> String {
    let mut words: Vec<String> = queries.iter().take(MAX_NAMED).map(described).collect();
    if let Some(more) = queries
        .len()
        .checked_sub(MAX_NAMED)
        .filter(|more| *more > 0)
    {
        words.push(format!("… and {more} more"));
    }
    words.join(", ")
}

fn described(query: &QueryInFile) -> String {
    let keyword = query.keyword.as_deref().map_or_else(
        || "any keyword".to_owned(),
        |keyword| format!("`{}`", excerpt(keyword, 60)),
    );
    let location = query
        .location
        .map_or("any location", |location| location.as_str());
    format!("{keyword} in {location} ({})", query.rows)
}
