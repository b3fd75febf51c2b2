//! The service layer of outreach: transactions, jobs, discovery and prospects.
//!
//! Applications call it with a connection from [`connect`]. Reads take any
//! connection or transaction; commands take the connection and own their
//! transaction; steps that end in `_in_txn` run inside the caller's.
//!
//! One law: no status changes without its guarded transition, and no error is
//! swallowed.

pub mod connect;
pub mod data_checks;
pub mod discovery;
mod inconsistent;
pub mod jobs;
pub mod page;
pub mod prospects;
pub mod sql;
pub mod transaction;
pub mod worker;

pub use inconsistent::InconsistentRow;
