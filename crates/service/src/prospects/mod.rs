//! Prospects: the web sites that discovery found, one row for each domain.

mod filter;
mod queries;
mod row;

pub use filter::ProspectFilter;
pub use queries::{ProspectCursor, ProspectError, count_prospects, find_prospect, list_prospects};
pub use row::Prospect;
