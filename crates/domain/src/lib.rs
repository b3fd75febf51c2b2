//! The vocabulary of outreach: typed ids, statuses with their transitions,
//! [`Domain`], [`EmailAddress`], [`Location`], [`Category`], and what a
//! discovery asks for.
//!
//! Every other crate speaks in these words. The one law here: a value that
//! exists is valid, because it can only be made by a function that checks it,
//! and reading it back from JSON checks it again. Nothing in this crate does
//! I/O, looks at a clock or makes random numbers.
//!
//! # Examples
//!
//! ```
//! use outreach_domain::{DiscoveryRequest, JobStatus, Location, ProspectCandidate};
//!
//! // Two spellings of one place are searched, and paid for, once.
//! let locations = Location::parse_list(["uk", "London"])?;
//! let request = DiscoveryRequest::new("art blog, craft blog", locations, vec![], 50)?;
//! assert_eq!(request.planned_queries().len(), 2);
//!
//! // A search result is checked before any SQL sees it.
//! let found = ProspectCandidate::new("https://www.Bücher.de/über", Some("Bücher"), None)?;
//! assert_eq!(found.domain().as_str(), "xn--bcher-kva.de");
//! assert!(ProspectCandidate::new("https://example.com/", Some("a\0b"), None).is_err());
//!
//! // A status changes only along its life.
//! assert_eq!(JobStatus::Pending.start()?, JobStatus::Running);
//! assert!(JobStatus::Cancelled.complete().is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod candidate;
mod category;
mod domain_name;
mod email;
mod ids;
mod location;
mod query_generation;
mod request;
mod status;
mod text;

pub use candidate::{
    InvalidResult, MAX_DESCRIPTION_CHARS, MAX_TITLE_CHARS, ProspectCandidate, ResultField,
};
pub use category::{Category, UnknownCategory};
pub use domain_name::{Domain, InvalidDomain, MAX_HOST_LENGTH, MAX_LABEL_LENGTH, MAX_URL_BYTES};
pub use email::{EmailAddress, InvalidEmailAddress};
pub use ids::{DiscoveryQueryId, EmailLogId, InvalidId, JobId, ProspectId};
pub use location::{Location, UnknownLocation};
pub use query_generation::{DEFAULT_KEYWORDS, GeneratedKeyword, MAX_QUERIES, generate_keywords};
pub use request::{
    DEFAULT_MAX_RESULTS, DiscoveryRequest, InvalidDiscoveryRequest, MAX_KEYWORD_CHARS, MAX_RESULTS,
    PlannedQuery,
};
pub use status::{
    ApplicationKind, InvalidApplicationKind, InvalidTransition, JobKind, JobStatus, Lifecycle,
    MAX_APPLICATION_KIND_BYTES, OutreachStatus, QueryStatus, UnknownValue,
};
pub use text::{escape_for_terminal, excerpt};
