//! Arguments that all lists have.

use clap::Args;
use outreach_service::page::MAX_PAGE_SIZE;

/// Which page of a list.
#[derive(Debug, Args)]
pub(crate) struct PageArguments<C>
where
    C: std::str::FromStr + Clone + Send + Sync + 'static,
    C::Err: std::error::Error + Send + Sync + 'static,
{
    /// The most rows to print, up to 500
    #[arg(long, value_name = "N", default_value_t = 50,
        value_parser = clap::value_parser!(u64).range(1..=MAX_PAGE_SIZE))]
    pub(crate) limit: u64,

    /// Go on after this place, which the page before has named
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<C>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
