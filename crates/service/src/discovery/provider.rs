//! What discovery needs from outside: somewhere to search, and somebody who
//! knows contact addresses. Both are called with no transaction open.

use std::error::Error;

use async_trait::async_trait;
use outreach_domain::{Category, Domain, EmailAddress, Location};

/// One search: a keyword at a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchQuery {
    /// The words to search for.
    pub keyword: String,
    /// Where to search.
    pub location: Location,
    /// The category that the keyword was generated from or is tagged with.
    pub category: Option<Category>,
}

/// One search result as the provider sent it: untrusted and unchecked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchResult {
    /// The address of the page, as received.
    pub url: String,
    /// The title of the page, as received.
    pub title: Option<String>,
    /// The snippet below the title, as received.
    pub description: Option<String>,
    /// Where the result was read, for messages: `results.csv:17`.
    pub origin: Option<String>,
}

/// An address that a contact finder knows for a domain.
#[derive(Debug, Clone, PartialEq)]
pub struct Contact {
    /// The address.
    pub email: EmailAddress,
    /// How sure the finder is, 0 to 100.
    pub confidence: Option<u8>,
    /// What the finder answered, kept as it came.
    pub payload: Option<serde_json::Value>,
}

/// Finds web pages for a query.
#[async_trait]
pub trait SearchProvider: Send + Sync {
    /// A short name for messages and stored payloads, such as `dataforseo`.
    fn name(&self) -> &'static str;

    /// Returns the results of one query in the provider's order. No results is
    /// an empty list, not an error.
    async fn search(&self, query: &SearchQuery) -> Result<Vec<SearchResult>, ProviderError>;
}

/// Finds a contact address for a domain.
#[async_trait]
pub trait ContactFinder: Send + Sync {
    /// A short name, stored in `prospects.contact_method`: `hunter_io`, `file`.
    fn name(&self) -> &'static str;

    /// Returns the best contact for `domain`, or `None` when the finder knows
    /// none.
    async fn find(&self, domain: &Domain) -> Result<Option<Contact>, ProviderError>;
}

/// Why a provider could not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// The provider lacks a setting and can answer nothing until it has it.
    #[error("{provider} is not configured: {remedy}")]
    NotConfigured {
        /// [`SearchProvider::name`] or [`ContactFinder::name`].
        provider: &'static str,
        /// What to set.
        remedy: String,
    },
    /// The same call may succeed later.
    #[error("{provider} is unavailable: {reason}")]
    Unavailable {
        /// [`SearchProvider::name`] or [`ContactFinder::name`].
        provider: &'static str,
        /// What happened.
        reason: String,
        /// The failure beneath, when there is one.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The provider refused this call; the same call will be refused again.
    #[error("{provider} refused the request: {reason}")]
    Rejected {
        /// [`SearchProvider::name`] or [`ContactFinder::name`].
        provider: &'static str,
        /// Its words, or ours when it gave none.
        reason: String,
    },
}

impl ProviderError {
    /// True when the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}
