//! The command that searches: `discover`.

use clap::Args;
use outreach_domain::{Category, DEFAULT_MAX_RESULTS, Location};

use super::Sources;

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
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

    #[command(flatten)]
    pub(crate) sources: Sources,

    /// Only store the job and print its id; `outreach work` does it
    #[arg(long)]
    pub(crate) detach: bool,

    /// Search though another discovery is pending or running
    #[arg(long)]
    pub(crate) allow_concurrent: bool,

    /// Set up the database, or bring it to the newest revision, before the run
    #[arg(long)]
    pub(crate) migrate: bool,

    /// Print the outcome as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
