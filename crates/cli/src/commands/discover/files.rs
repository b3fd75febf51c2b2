//! The files that answer searches and know contacts, and what to say of them.

use outreach_domain::{DiscoveryRequest, excerpt};
use outreach_providers::files::{ContactFile, FileSearch, LoadReport, QueryInFile};
use outreach_service::discovery::{Contacts, SearchQuery};
use serde_json::{Value, json};

use crate::{args::Discover, exit::Error, output};

/// Rows and queries that are named one by one on a terminal.
const MAX_NAMED: usize = 10;

/// The files of a discovery, read.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) search: FileSearch,
    results: LoadReport,
    contacts: Option<(ContactFile, LoadReport)>,
    contact_required: bool,
    /// Rows that answer none of the queries.
    unmatched: u64,
}

impl Files {
    /// Reads the files. Blocks, which on the main thread holds up nobody.
    pub(super) fn open(arguments: &Discover, request: &DiscoveryRequest) -> Result<Self, Error> {
        let Some(results) = &arguments.results else {
            return Err(Error::refused_because(
                "no search provider is configured; name a file or directory of search results \
                 with --results",
            ));
        };
        let (search, results) = FileSearch::open(results)?;
        let contacts = arguments.contacts.as_deref().map(ContactFile::open);
        let contacts = contacts.transpose()?;
        Ok(Self {
            unmatched: search.unmatched(&queries(request)),
            search,
            results,
            contacts,
            contact_required: arguments.require_contact,
        })
    }

    /// Where contacts come from.
    pub(super) fn contacts(&self) -> Contacts<'_> {
        match &self.contacts {
            Some((finder, _)) if self.contact_required => Contacts::Required(finder),
            Some((finder, _)) => Contacts::Deferred(Some(finder)),
            None => Contacts::Deferred(None),
        }
    }

    /// Says what was not read, and what will not be found.
    pub(super) fn say_notes(&self) {
        say_set_aside("results", &self.results);
        if let Some((_, report)) = &self.contacts {
            say_set_aside("contacts", report);
        }
        if self.unmatched > 0 {
            output::say(&format!(
                "note: {} of {} rows answer none of the job's searches; the results hold {}",
                self.unmatched,
                self.results.rows_read,
                listed(&self.search.queries_in_file()),
            ));
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut results = report_json(&self.results);
        results["unmatched"] = self.unmatched.into();
        json!({
            "results": results,
            "contacts": self.contacts.as_ref().map(|(_, report)| report_json(report)),
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
