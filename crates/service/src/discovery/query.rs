//! One query before its transaction: search, judge each result, look up
//! contacts.

use std::collections::HashSet;

use backon::Retryable;
use futures_util::{StreamExt, stream};
use outreach_domain::{Domain, ProspectCandidate, excerpt};
use outreach_entity::prospects;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use serde::Serialize;

use super::{
    Contact, ContactFinder, Counters, Discovery, DiscoveryError, DiscoveryLimits, ProviderError,
    SearchResult,
};
use crate::{
    jobs::{Run, refuse_if_lost},
    transaction::BoxFuture,
};

/// Domains that are looked up in one statement.
const LOOKUP_BATCH: usize = 1000;

/// Contact lookups between two looks at whether the job was cancelled; each may
/// cost money.
const LOOKUPS_PER_CHECK: u64 = 10;

/// Set-aside results of one query that are kept with their reason.
const MAX_SET_ASIDE: usize = 20;

/// A result that was not usable, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetAside {
    /// Where it was read, or its address; escaped and bounded.
    pub origin: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A result on its way to becoming a prospect.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) candidate: ProspectCandidate,
    pub(super) contact: Option<Contact>,
}

/// Everything that a query's transaction writes.
#[derive(Debug, Clone, Default)]
pub(super) struct PreparedQuery {
    /// To be saved, sorted by domain: two jobs that insert in one order can't
    /// deadlock.
    pub(super) prospects: Vec<Prepared>,
    /// What is known before the insert; `saved` is filled in by it.
    pub(super) counters: Counters,
    pub(super) set_aside: Vec<SetAside>,
    pub(super) titles_cut: u64,
    pub(super) contact_error: Option<String>,
}

/// Judges the results of one query. `seen` holds the domains that came up in
/// the job before, and gains those of this query.
pub(super) async fn prepare<C: ConnectionTrait>(
    db: &C,
    results: Vec<SearchResult>,
    seen: &mut HashSet<Domain>,
    mut room: u64,
    discovery: &Discovery<'_>,
    run: Run,
) -> Result<PreparedQuery, PrepareError> {
    let contacts = discovery.contacts;
    let mut prepared = PreparedQuery::default();
    let mut lookups = Lookups::default();
    let mut fresh = unseen(results, seen, &mut prepared);
    let found = fresh.len();
    let existing = existing_domains(db, &fresh).await?;
    fresh.retain(|candidate| !existing.contains(candidate.domain().as_str()));
    prepared.counters.existing = (found - fresh.len()) as u64;
    // Where each is saved, no more are looked up than there is room for.
    let wanted = if contacts.is_required() {
        fresh.len()
    } else {
        usize::try_from(room).unwrap_or(usize::MAX)
    };
    let domains: Vec<Domain> = fresh.iter().map(|c| c.domain().clone()).collect();
    let mut calls = Vec::new();
    for domain in domains.iter().take(wanted) {
        calls.push(look_up(contacts.finder(), domain, discovery.limits));
    }
    let concurrent = discovery.limits.concurrent_lookups.max(1);
    let mut looked_up = stream::iter(calls).buffered(concurrent);
    for candidate in fresh {
        if room == 0 {
            prepared.counters.over_limit += 1;
            continue;
        }
        if lookups.made.is_multiple_of(LOOKUPS_PER_CHECK) && lookups.made > 0 {
            refuse_if_lost(db, run).await?;
        }
        let contact = match looked_up.next().await.flatten() {
            Some(answer) => lookups.note(answer)?,
            None => None,
        };
        if contact.is_none() && contacts.is_required() {
            prepared.counters.no_contact += 1;
            continue;
        }
        room -= 1;
        prepared.prospects.push(Prepared { candidate, contact });
    }
    if contacts.is_required() && lookups.all_failed() {
        let reason = lookups.first_failure.unwrap_or_default();
        return Err(PrepareError::NoLookupSucceeded(format!(
            "all {} contact lookups failed; the first: {reason}",
            lookups.made
        )));
    }
    prepared.contact_error = lookups.first_failure;
    prepared
        .prospects
        .sort_by(|a, b| a.candidate.domain().cmp(b.candidate.domain()));
    Ok(prepared)
}

/// Asks the finder, again if it is worth it; nothing where there is none.
fn look_up<'a>(
    finder: Option<&'a dyn ContactFinder>,
    domain: &'a Domain,
    limits: DiscoveryLimits,
) -> BoxFuture<'a, Option<Result<Option<Contact>, ProviderError>>> {
    Box::pin(async move {
        let finder = finder?;
        let answer = (|| finder.find(domain))
            .retry(limits.delays())
            .when(ProviderError::is_retryable)
            .await;
        Some(answer)
    })
}

/// How the contact lookups of one query go.
#[derive(Default)]
struct Lookups {
    made: u64,
    failed: u64,
    first_failure: Option<String>,
}

impl Lookups {
    /// A lookup that fails is a contact that is not known; the web site itself
    /// is not lost over it.
    fn note(
        &mut self,
        answer: Result<Option<Contact>, ProviderError>,
    ) -> Result<Option<Contact>, PrepareError> {
        self.made += 1;
        match answer {
            Ok(contact) => Ok(contact),
            Err(error @ ProviderError::NotConfigured { .. }) => {
                Err(PrepareError::NotConfigured(error))
            }
            Err(error) => {
                self.failed += 1;
                self.first_failure
                    .get_or_insert_with(|| excerpt(&error.to_string(), 500));
                Ok(None)
            }
        }
    }

    fn all_failed(&self) -> bool {
        self.failed > 0 && self.failed == self.made
    }
}

/// Why a query could not be prepared.
#[derive(Debug)]
pub(super) enum PrepareError {
    /// The finder can answer nothing until it is configured.
    NotConfigured(ProviderError),
    /// A contact is required, and the finder answered no lookup.
    NoLookupSucceeded(String),
    /// The database failed, or the job was lost meanwhile.
    Discovery(DiscoveryError),
}

impl<E: Into<DiscoveryError>> From<E> for PrepareError {
    fn from(error: E) -> Self {
        Self::Discovery(error.into())
    }
}

/// The valid results whose domain is new to the job; the others are counted.
fn unseen(
    results: Vec<SearchResult>,
    seen: &mut HashSet<Domain>,
    prepared: &mut PreparedQuery,
) -> Vec<ProspectCandidate> {
    let mut fresh = Vec::new();
    prepared.counters.found = results.len() as u64;
    for result in results {
        let candidate = ProspectCandidate::new(
            &result.url,
            result.title.as_deref(),
            result.description.as_deref(),
        );
        match candidate {
            Err(error) => {
                prepared.counters.invalid += 1;
                if prepared.set_aside.len() < MAX_SET_ASIDE {
                    let origin = result.origin.as_deref().unwrap_or(&result.url);
                    prepared.set_aside.push(SetAside {
                        origin: excerpt(origin, 200),
                        reason: error.to_string(),
                    });
                }
            }
            Ok(candidate) if !seen.insert(candidate.domain().clone()) => {
                prepared.counters.duplicate += 1;
            }
            Ok(candidate) => {
                prepared.titles_cut += u64::from(candidate.title_was_cut());
                fresh.push(candidate);
            }
        }
    }
    fresh
}

/// Which of the domains are prospects already.
async fn existing_domains<C: ConnectionTrait>(
    db: &C,
    candidates: &[ProspectCandidate],
) -> Result<HashSet<String>, DbErr> {
    let mut existing = HashSet::new();
    for batch in candidates.chunks(LOOKUP_BATCH) {
        let found: Vec<String> = prospects::Entity::find()
            .select_only()
            .column(prospects::Column::Domain)
            .filter(prospects::Column::Domain.is_in(batch.iter().map(|c| c.domain().as_str())))
            .into_tuple()
            .all(db)
            .await?;
        existing.extend(found);
    }
    Ok(existing)
}
