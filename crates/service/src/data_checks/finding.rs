//! What a check says.

use std::fmt;

use sea_orm::DbErr;
use serde::{Serialize, Serializer};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Reads of the row fail, or work is done twice or lost because of it.
    Error,
    /// The row is read, but says something that is not so.
    Warning,
    /// Worth knowing; nothing goes wrong because of it.
    Info,
}

/// What mends a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "text", rename_all = "lowercase")]
pub enum Remedy {
    /// Commands of `outreach`, one a line.
    Command(String),
    /// Statements, one a line, each ended by a semicolon. They change the rows
    /// that were found and no others, and lose nothing that is not stored
    /// elsewhere.
    Sql(String),
    /// What somebody has to decide or look up.
    Advice(String),
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(text) | Self::Sql(text) | Self::Advice(text) => f.write_str(text),
        }
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DataFinding {
    /// Which check.
    pub code: DataCode,
    /// How bad it is.
    pub severity: Severity,
    /// The table, or the table and column: `jobs.status`.
    pub object: String,
    /// What it means that there are such rows.
    pub meaning: String,
    /// How many rows there are, at least 1.
    pub count: u64,
    /// The keys of the first five of them, in the order of the keys.
    pub ids: Vec<String>,
    /// What mends it.
    pub remedy: Remedy,
}

/// Why the checks could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataCheckError {
    /// The catalog could not be read.
    #[error("cannot read which tables there are")]
    Catalog(#[source] DbErr),
    /// A check failed.
    #[error("cannot run the data check `{code}` of {object}")]
    Check {
        /// Which check.
        code: DataCode,
        /// Of what.
        object: String,
        /// What the database said.
        #[source]
        source: DbErr,
    },
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident => $code:literal, $severity:ident,)+) => {
        /// The checks. The words are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum DataCode {
            $($(#[doc = $doc])+ $name,)+
        }

        impl DataCode {
            /// Every check, in the order of reports.
            pub const ALL: [Self; [$($code),+].len()] = [$(Self::$name),+];

            /// The word for it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// How bad it is.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)+ }
            }

            /// What it means that there are such rows.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_start(),)+ }
            }
        }
    };
}

codes! {
    /// The status is none that is known; lists that hold the job fail.
    JobStatusUnknown => "job-status-unknown", Error,
    /// The status is written in letters of another case; no command can change the job.
    JobStatusCase => "job-status-case", Error,
    /// The type is none that is known; lists that hold the job fail.
    JobTypeUnknown => "job-type-unknown", Error,
    /// The type is written in letters of another case; filters do not find the job.
    JobTypeCase => "job-type-case", Warning,
    /// The status is none that is known; the query counts as searched.
    QueryStatusUnknown => "query-status-unknown", Warning,
    /// The status is written in letters of another case; the query is counted wrongly.
    QueryStatusCase => "query-status-case", Warning,
    /// The outreach status is none that is known; lists that hold the prospect fail.
    OutreachStatusUnknown => "outreach-status-unknown", Error,
    /// The outreach status is written in letters of another case; filters do not find the prospect.
    OutreachStatusCase => "outreach-status-case", Warning,
    /// A value is missing that every row has to have; the row can't be read.
    NullUnreadable => "null-unreadable", Error,
    /// A value is missing; it reads as the column's default, and the row stands first in lists.
    NullReadAsDefault => "null-read-as-default", Warning,
    /// The key is not stored as 16 bytes; nothing finds the row.
    KeyForm => "key-form", Error,
    /// The time is stored in another text form than the one that is compared with.
    TimeForm => "time-form", Warning,
    /// The text is not JSON; the row can't be read.
    InvalidJson => "invalid-json", Error,
    /// The title contains a NUL character, which PostgreSQL would refuse.
    TitleNul => "title-nul", Warning,
    /// A domain has more than one prospect, so that it can be written to twice.
    DomainDuplicate => "domain-duplicate", Error,
    /// The domain is the one of another prospect in another spelling, so that it can be written to twice.
    DomainDuplicateNormalized => "domain-duplicate-normalized", Error,
    /// The domain is not in the form that a discovery looks for; the web site would be saved again.
    DomainNotNormalized => "domain-not-normalized", Warning,
    /// The text is no domain; no discovery would save it.
    DomainMalformed => "domain-malformed", Warning,
    /// The text is no mail address; nothing can be sent to it.
    EmailMalformed => "email-malformed", Warning,
    /// A job has the same query more than once.
    QueryDuplicate => "query-duplicate", Warning,
    /// A counter is below zero; it reads as 0.
    CounterNegative => "counter-negative", Warning,
    /// More results are accounted for than the search found.
    CountersExceedFound => "counters-exceed-found", Error,
    /// Fewer results are accounted for than the search found: some have no known end.
    CountersUnexplained => "counters-unexplained", Error,
    /// The search succeeded and has prospects, but none of its results was counted.
    QueryWithoutCounters => "query-without-counters", Warning,
    /// More prospects point to the query than it says it saved.
    QuerySavedTooLow => "query-saved-too-low", Warning,
    /// The job's result has other numbers than its queries.
    JobResultMismatch => "job-result-mismatch", Warning,
    /// The job is running, but no run of it is known: its worker was lost, unless the backend that shares the tables works on it.
    JobRunningWithoutRun => "job-running-without-run", Warning,
    /// The job has ended, but its run is still there and can be claimed.
    JobRunOfEndedJob => "job-run-of-ended-job", Warning,
    /// The job is completed, but not all of its queries were searched.
    JobCompletedWithPendingQueries => "job-completed-with-pending-queries", Warning,
    /// The run belongs to no job.
    JobRunWithoutJob => "job-run-without-job", Error,
    /// The query belongs to no job.
    QueryWithoutJob => "query-without-job", Error,
    /// The prospect points to a query that is not there.
    ProspectQueryMissing => "prospect-query-missing", Warning,
    /// The mail belongs to no prospect.
    EmailLogWithoutProspect => "email-log-without-prospect", Error,
    /// A mail went out, but the prospect is pending: it would go out again.
    ProspectPendingWithMail => "prospect-pending-with-mail", Error,
    /// The prospect is said to have been written to, but there is no trace of a mail.
    ProspectSentWithoutTrace => "prospect-sent-without-trace", Warning,
    /// The mail is recorded, but not when the last one went out.
    ProspectLastSentMissing => "prospect-last-sent-missing", Warning,
    /// It is said when the last mail went out, but no mail is recorded.
    ProspectMailNotLogged => "prospect-mail-not-logged", Info,
}

impl fmt::Display for DataCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for DataCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_different_words_in_kebab_case() {
        for (index, code) in DataCode::ALL.iter().enumerate() {
            let word = code.as_str();
            let is_kebab = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(word.chars().all(is_kebab), "{word}");
            assert!(code.meaning().ends_with('.'), "{word}");
            assert!(!code.meaning().starts_with(' '), "{word}");
            assert!(DataCode::ALL[..index].iter().all(|c| c.as_str() != word));
        }
    }
}
