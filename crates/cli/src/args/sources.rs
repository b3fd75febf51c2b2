//! Where search results and contacts come from.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Sources {
    /// Take the search results from a file, or from every result file of a
    /// directory: CSV, JSON Lines or saved DataForSEO responses
    #[arg(short, long, value_name = "FILE|DIR")]
    pub(crate) results: Option<PathBuf>,

    /// Take contact addresses from a CSV file with the columns `domain` and `email`
    #[arg(long, value_name = "FILE")]
    pub(crate) contacts: Option<PathBuf>,

    /// Save only web sites with a known contact
    #[arg(long, requires = "contacts")]
    pub(crate) require_contact: bool,
}
