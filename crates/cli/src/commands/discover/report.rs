//! What a discovery did, on the terminal and as JSON.

use std::fmt::Write as _;

use outreach_domain::excerpt;
use outreach_service::{
    discovery::{DiscoverySummary, QuerySummary},
    jobs::Job,
};
use serde_json::{Value, json};

use crate::{commands::files::Reports, exit::Error, output};

/// Results that are named one by one on a terminal.
const MAX_NAMED: usize = 10;

/// A discovery that came to its end, good or bad.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The job as it is stored now.
    pub(super) job: Job,
    pub(super) summary: DiscoverySummary,
}

impl Outcome {
    pub(super) fn print(&self, files: &Reports, json: bool) -> Result<(), Error> {
        if json {
            return output::print_json(&json!({
                "job": self.job.id,
                "status": self.job.status,
                "error": self.job.error_message,
                "result": self.job.result,
                "files": files.to_json(),
            }));
        }
        output::print(&self.table())
    }

    fn table(&self) -> String {
        let counters = self.summary.counters;
        let queries = format!(
            "{} of {}, {} failed",
            self.summary.queries.len(),
            self.summary.planned,
            self.summary.failed()
        );
        let mut text = format!(
            "job      {}\nstatus   {}\nqueries  {queries}\n\n",
            self.job.id, self.job.status
        );
        for (name, count) in [
            ("found", counters.found),
            ("  saved", counters.saved),
            ("  existing", counters.existing),
            ("  duplicate", counters.duplicate),
            ("  no contact", counters.no_contact),
            ("  invalid", counters.invalid),
            ("  over limit", counters.over_limit),
            ("sum", counters.disposed()),
        ] {
            let _ = writeln!(text, "{name:<14}{count:>8}");
        }
        text
    }

    /// Says which results were set aside, what was cut and what failed.
    pub(super) fn say_notes(&self) {
        self.say_failed_queries();
        self.say_set_aside();
        let cut: u64 = self.metadata("titles_cut").filter_map(Value::as_u64).sum();
        if cut > 0 {
            output::say(&format!(
                "note: cut to {} characters: {}",
                outreach_domain::MAX_TITLE_CHARS,
                output::counted(cut, "title")
            ));
        }
        let mut errors = self.metadata("contact_error").filter_map(Value::as_str);
        if let Some(first) = errors.next() {
            output::say(&format!(
                "warning: contact lookups failed in {}; the first: {}",
                format_args!("{} of the searches", errors.count() + 1),
                excerpt(first, 300)
            ));
        }
    }

    fn say_failed_queries(&self) {
        let failed: Vec<String> = self.queries().filter_map(failure).collect();
        if !failed.is_empty() {
            let count = failed.len() as u64;
            output::say(&format!("warning: failed searches: {count}"));
            output::say_some(&failed, MAX_NAMED, count);
        }
    }

    fn say_set_aside(&self) {
        let invalid = self.summary.counters.invalid;
        if invalid == 0 {
            return;
        }
        let named: Vec<String> = self
            .metadata("set_aside")
            .filter_map(Value::as_array)
            .flatten()
            .map(set_aside)
            .collect();
        output::say(&format!(
            "note: set aside as not usable: {}",
            output::counted(invalid, "result")
        ));
        output::say_some(&named, MAX_NAMED, invalid);
    }

    fn queries(&self) -> impl Iterator<Item = &QuerySummary> {
        self.summary.queries.iter()
    }

    /// What each query keeps under this key.
    fn metadata<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Value> {
        self.queries()
            .filter_map(move |query| query.metadata.as_ref()?.get(key))
    }
}

fn failure(query: &QuerySummary) -> Option<String> {
    let error = query.error.as_deref()?;
    Some(format!(
        "`{}` in {}: {}",
        excerpt(&query.query, 60),
        query.location,
        excerpt(error, 300)
    ))
}

fn set_aside(one: &Value) -> String {
    let text = |key| one.get(key).and_then(Value::as_str).unwrap_or_default();
    format!("{}: {}", text("origin"), text("reason"))
}
