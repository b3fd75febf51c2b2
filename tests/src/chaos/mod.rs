//! Chaos for the job workers on PostgreSQL: processes are killed, stopped beyond
//! their leases and cut off, the server is stopped hard, jobs are cancelled, and
//! afterwards the rows have to say that everything was done once.
//!
//! The unique index of `discovery_queries` is dropped in these databases, so that
//! work that is done twice can be seen and nothing but the fence prevents it. A
//! control without the fence has to show it.
//!
//! What is drawn from a seed is the same each time: the faults, their order, and
//! the waits between them. Which statement a fault hits is up to the machine.

mod crash_points;
mod evidence;
mod failover;
mod faults;
mod journal;
mod look;
mod program;
mod report;
mod run;
mod schedule;
mod search;
mod team;
mod unfenced;
mod verdict;
#[cfg(test)]
mod verdict_tests;
mod work;
mod worker;

pub use program::{Arguments, run_chaos};
pub use worker::{Strategy, run_worker};
