//! A provider that is asked no more often than it takes.
//!
//! One limit for all jobs of a process: a handler shares its providers, so the
//! limit belongs to them and not to a job. Several processes share nothing, and
//! divide what the provider takes among them.

use std::{num::NonZeroU32, time::Duration};

use async_trait::async_trait;
use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use outreach_domain::Domain;
use outreach_service::discovery::{
    Contact, ContactFinder, ProviderError, SearchProvider, SearchQuery, SearchResult,
};

/// Wraps a search provider or a contact finder, whose calls wait until the
/// limit allows them.
///
/// ```no_run
/// use std::num::NonZeroU32;
///
/// use outreach_providers::{RateLimited, files::FileSearch};
/// use outreach_service::discovery::DiscoveryHandler;
///
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let (search, _report) = FileSearch::open("results.csv".as_ref())?;
/// let per_minute = NonZeroU32::new(60).ok_or("not zero")?;
/// let handler = DiscoveryHandler::new(RateLimited::per_minute(search, per_minute));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RateLimited<P, C: Clock = MonotonicClock> {
    inner: P,
    clock: C,
    limiter: RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<C::Instant>>,
}

impl<P> RateLimited<P> {
    /// At most so many calls in a second, and so many at once.
    #[must_use]
    pub fn per_second(inner: P, calls: NonZeroU32) -> Self {
        Self::new(inner, Quota::per_second(calls), MonotonicClock)
    }

    /// At most so many calls in a minute, and so many at once.
    #[must_use]
    pub fn per_minute(inner: P, calls: NonZeroU32) -> Self {
        Self::new(inner, Quota::per_minute(calls), MonotonicClock)
    }
}

impl<P, C: Clock + Clone> RateLimited<P, C> {
    fn new(inner: P, quota: Quota, clock: C) -> Self {
        Self {
            inner,
            limiter: RateLimiter::direct_with_clock(quota, clock.clone()),
            clock,
        }
    }

    /// Takes a call out of the limit, or says after which time to ask again.
    fn take(&self) -> Result<(), Duration> {
        self.limiter
            .check()
            .map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }

    async fn ready(&self) {
        while let Err(wait) = self.take() {
            tokio::time::sleep(wait).await;
        }
    }
}

#[async_trait]
impl<P: SearchProvider> SearchProvider for RateLimited<P> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<SearchResult>, ProviderError> {
        self.ready().await;
        self.inner.search(query).await
    }
}

#[async_trait]
impl<P: ContactFinder> ContactFinder for RateLimited<P> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn find(&self, domain: &Domain) -> Result<Option<Contact>, ProviderError> {
        self.ready().await;
        self.inner.find(domain).await
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn calls_beyond_the_limit_wait_for_their_share_of_the_time() {
        let clock = FakeRelativeClock::default();
        let four = NonZeroU32::new(4).unwrap();
        let limited = RateLimited::new((), Quota::per_second(four), clock.clone());
        for _ in 0..4 {
            assert_eq!(limited.take(), Ok(()));
        }
        assert_eq!(limited.take(), Err(Duration::from_millis(250)));
        clock.advance(Duration::from_millis(100));
        assert_eq!(limited.take(), Err(Duration::from_millis(150)));
        clock.advance(Duration::from_millis(150));
        assert_eq!(limited.take(), Ok(()));
        assert_eq!(limited.take(), Err(Duration::from_millis(250)));
    }
}
