//! The queue and its workers: on SQLite, and on PostgreSQL with each strategy
//! and behind a pooler.

mod attempts;
mod basics;
mod claims;
mod discoveries;
mod endings;
mod handlers;
mod interruptions;
mod keys;
mod leases;
mod lent;
mod model;
mod outages;
mod running;
mod tenants;
mod workers;
