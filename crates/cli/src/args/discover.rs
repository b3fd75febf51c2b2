//! The command that searches: `discover`.

use std::path::PathBuf;

use clap::Args;
use outreach_domain::{Category, DEFAULT_MAX_RESULTS, Location};

#[derive(Debug, Args)]
pub(crate) struct Discover {
    /// What to search for, separated by commas; may be repeated
    #[arg(short, long, value_name = "WORDS")]
    pub(crate) keywords: Vec<String>,

    /// Kinds of web sites to search for, separated by commas; may be repeated
    #[arg(short, long, value_delimiter = ',', value_parser = Category::parse, value_name = "NAME")]
    pub(crate) categories: Vec<Category>,

    /// Where to search, separated by commas; may be repeated
    #[arg(short, long, visible_alias = "locations", value_delimiter = ',',
        value_parser = Location::parse, value_name = "NAME")]
    pub(crate) location: Vec<Location>,

    /// The most prospects to save, 1 to 1000
    #[arg(short, long, value_name = "N", default_value_t = DEFAULT_MAX_RESULTS)]
    pub(crate) max_results: u32,

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

    /// Set up the database, or bring it to the newest revision, before the run
    #[arg(long)]
    pub(crate) migrate: bool,

    /// Print the outcome as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
