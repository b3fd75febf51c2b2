//! Discovery: searches become prospects, and a job says what became of each
//! result.
//!
//! The unit of work is one query: its prospects, its row with the counters and
//! the job's progress are one transaction, begun by the proof that the run
//! still owns the job. Searches and contact lookups happen before it, with no
//! transaction open. Counters and results are made of committed rows.

mod contacts;
mod counters;
mod error;
mod handler;
mod ids;
mod job;
mod provider;
mod query;
mod result;
mod save;
mod searches;

pub use contacts::Contacts;
pub use counters::Counters;
pub use error::DiscoveryError;
pub use handler::DiscoveryHandler;
pub use ids::{IdGenerator, RandomIds};
pub use job::{Discovery, DiscoveryProgress, run_discovery};
pub use provider::{
    Contact, ContactFinder, ProviderError, SearchProvider, SearchQuery, SearchResult,
};
pub use query::SetAside;
pub use result::{DiscoverySummary, QuerySummary};
pub use searches::DiscoveryLimits;
