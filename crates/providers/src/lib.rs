//! Search results and contacts from files, behind the traits of
//! `outreach_service::discovery`.
//!
//! Nothing here reaches the network: a file that was exported, bought or
//! written by hand answers instead. What a file holds is untrusted; this crate
//! bounds it and sets unreadable rows aside, and whether a URL is usable is
//! decided later, when `outreach_domain::Domain` parses it. [`RateLimited`] is
//! for providers that an application brings and that reach the network.

pub mod files;
mod rate_limited;

pub use rate_limited::RateLimited;
